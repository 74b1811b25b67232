;; error: 3:15 wrong number of forms, expected 3 to 4, got 2
(require-dialect func)
(defn main [] (for [i 3] (println "x")) (func.return))
