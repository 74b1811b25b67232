;; error: 3:15 'do' cannot stand here
(require-dialect func)
(defn main [] (do (: 1 i64)) (func.return))
