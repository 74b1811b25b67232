;; expect: 45
(require-dialect func arith)
(defn main [] -> i64
  (func.return (for {:result i64} [i 0 10] [sum 0] (+ sum (arith.index_cast {:result i64} i)))))
