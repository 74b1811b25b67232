;; error: 3:25 require-dialect: expected :as
;; There is no way to use an operation without its dialect's name.
(require-dialect [arith :refer addi])
