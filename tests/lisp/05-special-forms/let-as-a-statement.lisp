;; expect: first
;; expect: second
;; All forms of its body run.
(require-dialect func)
(defn main []
  (let [n (: 2 i64)]
    (println "first")
    (println "second"))
  (func.return))
