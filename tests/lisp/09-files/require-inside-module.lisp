;; expect: 10
(module
  (require ["lib/numbers.lisp" :as n])
  (require-dialect func)
  (defn main [] -> i64 (func.return (call i64 n/ten))))
