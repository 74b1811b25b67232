;; expect: 0 1 2
;; expect: end
(require-dialect func scf arith)
(defn main []
  (scf.for (: 0 index) (: 3 index) (: 1 index) (region (block [(: i index)]
    (def n (arith.index_cast {:result i64} i))
    (if (<i n 2) (print "%ld " n) (println "%ld" n))
    (scf.yield))))
  (println "end")
  (func.return))
