;; expect: one
;; expect: two
(require-dialect func)
(defn main []
  (println "one
two")
  (func.return))
