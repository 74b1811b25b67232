;; expect: 8 9 14 15
;; Sizes and strides are literals, the second offset comes at run time: the least i64 marks it.
(require-dialect func memref arith scf)
(defn main []
  (def m (memref.alloca {:result memref<4x6xi64>}))
  (scf.for (: 0 index) (: 4 index) (: 1 index) (region (block [(: i index)]
    (scf.for (: 0 index) (: 6 index) (: 1 index) (region (block [(: j index)]
      (memref.store (arith.index_cast {:result i64} (+i (*i i 6) j)) m i j)
      (scf.yield))))
    (scf.yield))))
  (def from (: 2 index))
  (def s (memref.subview {:static_offsets "array<i64: 1, -9223372036854775808>"
                          :static_sizes "array<i64: 2, 2>"
                          :static_strides "array<i64: 1, 1>"
                          :operandSegmentSizes "array<i32: 1, 1, 0, 0>"
                          :result "memref<2x2xi64, strided<[6, 1], offset: ?>>"} m from))
  (println "%ld %ld %ld %ld" (memref.load s 0 0) (memref.load s 0 1)
           (memref.load s 1 0) (memref.load s 1 1))
  (func.return))
