;; expect: 42
;; Functions of a required file are called by name, by alias/name and by alias.name.
(require ["./lib/numbers.lisp" :as n])
(require-dialect func)
(defn main [] -> i64
  (func.return (+i (call i64 n/ten) (+i (call i64 n.twice (: 6 i64)) (call i64 twenty)))))
