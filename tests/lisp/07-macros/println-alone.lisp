;; expect: a
;; expect:
;; expect: b
(require-dialect func)
(defn main [] (println "a") (println) (println "b") (func.return))
