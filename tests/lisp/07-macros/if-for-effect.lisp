;; expect: else
;; expect: then
;; Without :result the branches run and yield nothing.
(require-dialect func)
(defn main []
  (if (: false i1) (println "then") (println "else"))
  (if (: true i1) (do (println "then")) (println "else"))
  (func.return))
