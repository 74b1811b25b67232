;; error: 4:32 operation memref.store returned no value but was used as operand
(require-dialect func arith memref)
(defn main [(: m memref<4xi64>)]
  (def x (arith.addi (: 1 i64) (memref.store (: 1 i64) m (: 0 index))))
  (func.return))
