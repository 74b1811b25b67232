(require-dialect func)
(defn say [] (println "from the library") (func.return))
