;; expect: 10 3628800
(require-dialect func scf arith)
(defn main []
  (def [n product] (scf.for {:result [i64 i64]} (: 0 index) (: 10 index) (: 1 index)
      (: 0 i64) (: 1 i64)
    (region (block [(: i index) (: n i64) (: product i64)]
      (def next (+i n 1))
      (scf.yield next (*i product next))))))
  (println "%ld %ld" n product)
  (func.return))
