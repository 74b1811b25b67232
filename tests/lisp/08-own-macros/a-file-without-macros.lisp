;; expect: 1
;; It is harmless.
(require-macros "lib/nothing.lisp")
(require-dialect func)
(defn main [] -> i64 (func.return (: 1 i64)))
