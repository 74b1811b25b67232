;; expect: called
(require-dialect func)
(defn say [] (println "called") (func.return))
(defn main [] (call! say) (func.return))
