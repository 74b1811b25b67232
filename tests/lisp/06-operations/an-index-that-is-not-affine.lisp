;; error: 7:12 'affine.load' op operand cannot be used as a dimension id
;; says: memref.load, memref.store and scf.for take any index
(require-dialect func affine memref arith scf)
(defn main []
  (def m (memref.alloca {:result memref<9xf32>}))
  (for [i 0 4]
    (def x (affine.load m (arith.muli i i))))
  (func.return))
