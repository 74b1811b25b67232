;; error: 3:15 macro 'if': wrong number of arguments
(require-dialect func)
(defn main [] (if (: true i1) (println "yes")) (func.return))
