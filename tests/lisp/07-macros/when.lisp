;; expect: yes
;; expect: both
(require-dialect func)
(defn main []
  (def n (: 4 i64))
  (when (>i n 3) (println "yes") (println "both"))
  (when (<i n 3) (println "no"))
  (func.return))
