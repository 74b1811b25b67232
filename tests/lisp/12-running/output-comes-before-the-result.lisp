;; expect: first
;; expect: 2
;; What C printed is written before the result, also into a pipe.
(require-dialect func)
(defn main [] -> i64 (println "first") (func.return (: 2 i64)))
