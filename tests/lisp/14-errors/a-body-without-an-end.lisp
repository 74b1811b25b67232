;; error: 6:5 block with no terminator
;; says: end the block
(require-dialect func scf arith)
(defn main []
  (scf.for (: 0 index) (: 4 index) (: 1 index) (region (block [(: i index)]
    (arith.addi i i))))
  (func.return))
