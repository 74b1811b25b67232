;; expect: done
(require-dialect func)
(defn main [] (println "done") (func.return))
