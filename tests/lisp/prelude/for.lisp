;; expect: 0 2 4
(require-dialect func arith)
(defn main []
  (for [i 0 4 2] (print "%ld " (arith.index_cast {:result i64} i)))
  (for [i 4 5] (println "%ld" (arith.index_cast {:result i64} i)))
  (func.return))
