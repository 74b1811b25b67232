;; expect: 6
;; Blanks, commas and brackets belong to a type while its < is open.
(require-dialect arith func memref)
(defn total [(: m memref<2x?xf32, strided<[?, 1], offset: ?>>)] -> i32 (func.return (: 6 i32)))
(defn main [] -> i32
  (def m (memref.alloc {:result memref<2x?xf32>} (: 3 index)))
  (def s (memref.cast {:result memref<2x?xf32, strided<[?, 1], offset: ?>>} m))
  (func.return (call i32 total s)))
