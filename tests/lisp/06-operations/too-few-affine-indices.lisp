;; error: 6:16 affine.load of memref<4x4xf32> needs 2 indices, got 1
;; says: {:map affine_map<...>}
(require-dialect func affine memref)
(defn main [] -> f32
  (def m (memref.alloca {:result memref<4x4xf32>}))
  (func.return (affine.load m (: 1 index))))
