;; expect: 6 2
(require-dialect func memref tensor arith)
(defn main []
  (def m (memref.alloca {:result memref<8xi64>}))
  (for [i 0 8] (memref.store (arith.index_cast {:result i64} i) m i))
  (def two (: 2 index))
  (def view (memref.reinterpret_cast {:static_offsets "array<i64: -9223372036854775808>"
      :static_sizes "array<i64: 3>" :static_strides "array<i64: 2>"
      :result "memref<3xi64, strided<[2], offset: ?>>"} m two))
  (def t (: 2 tensor<8xi64>))
  (def part (tensor.extract_slice {:static_offsets array<i64: 0> :static_sizes array<i64: 2>
      :static_strides array<i64: 1> :result tensor<2xi64>} t))
  (println "%ld %ld" (memref.load view 2) (tensor.extract part 1))
  (func.return))
