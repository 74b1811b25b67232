;; expect: 16
;; (u/f x) is a call of f.
(require-dialect func)
(require ["lib/numbers.lisp" :as u])
(defn main [] -> i64 (func.return (u/twice (: 8 i64))))
