;; expect: 2.5
(require-dialect func memref)
(defn second [(: m "memref<?xf32, strided<[1], offset: ?>>")] -> f32
  (func.return (memref.load m (: 1 index))))
(defn main [] -> f32
  (def m (memref.alloca {:result memref<2xf32>}))
  (memref.store (: 2.5 f32) m (: 1 index))
  (def s (memref.cast {:result "memref<?xf32, strided<[1], offset: ?>>"} m))
  (func.return (call f32 second s)))
