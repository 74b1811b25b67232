;; c = a b as two operations of linalg.

(require-dialect func linalg memref)

(defn matmul [(: a memref<256x256xf32>) (: b memref<256x256xf32>) (: c memref<256x256xf32>)]
  (linalg.fill (: 0.0 f32) c)
  (linalg.matmul a b c)
  (func.return))

(defn main [] -> f32
  (def a (memref.alloc {:result memref<256x256xf32>}))
  (def b (memref.alloc {:result memref<256x256xf32>}))
  (def c (memref.alloc {:result memref<256x256xf32>}))
  (linalg.fill (: 0.5 f32) a)
  (linalg.fill (: 2.0 f32) b)
  (call! matmul a b c)
  (func.return (memref.load c 255 255)))
