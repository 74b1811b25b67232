;; expect: two
(require-dialect func)
(defn main []
  (def n (: 2 i64))
  (cond (=i n 1) (println "one") (=i n 2) (println "two") :else (println "many"))
  (func.return))
