;; c = a b by tiles of 64 x 64: three loops over tiles, linalg.matmul in each.

(require-dialect func linalg memref)

(deftype Matrix memref<256x256xf32>)

;; (tile m row column) is the 64 x 64 part of m that begins there. No element moves: it is another
;; view of the same memory. The least i64 stands for an offset that is known at run time only.
(defn tile [(: args !llvm.ptr)] -> !llvm.ptr
  (func.return
    `(memref.subview {:static_offsets array<i64: -9223372036854775808, -9223372036854775808>
                      :static_sizes array<i64: 64, 64>
                      :static_strides array<i64: 1, 1>
                      :operandSegmentSizes array<i32: 1, 2, 0, 0>
                      :result "memref<64x64xf32, strided<[256, 1], offset: ?>>"}
       ~@args)))
(defmacro tile)

(defn matmul [(: a Matrix) (: b Matrix) (: c Matrix)]
  (linalg.fill (: 0.0 f32) c)
  (for [i 0 256 64]
    (for [j 0 256 64]
      (for [k 0 256 64]
        (linalg.matmul (tile a i k) (tile b k j) (tile c i j)))))
  (func.return))

(defn main [] -> f32
  (def a (memref.alloc {:result Matrix}))
  (def b (memref.alloc {:result Matrix}))
  (def c (memref.alloc {:result Matrix}))
  (linalg.fill (: 0.5 f32) a)
  (linalg.fill (: 2.0 f32) b)
  (call! matmul a b c)
  (func.return (memref.load c 255 255)))
