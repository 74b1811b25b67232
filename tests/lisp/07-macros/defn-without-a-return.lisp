;; error: 5:3 block with no terminator
;; Nothing is returned by itself.
(require-dialect func arith)
(defn f [(: n i64)]
  (arith.addi n n))
(defn main [] (func.return))
