;; c = a b by three loops.

(require-dialect arith func linalg memref)

(defn matmul [(: a memref<256x256xf32>) (: b memref<256x256xf32>) (: c memref<256x256xf32>)]
  (for [i 0 256]
    (for [j 0 256]
      (def sum
        (for {:result f32} [k 0 256] [so-far 0.0]
          (+ so-far (* (memref.load a i k) (memref.load b k j)))))
      (memref.store sum c i j)))
  (func.return))

(defn main [] -> f32
  (def a (memref.alloc {:result memref<256x256xf32>}))
  (def b (memref.alloc {:result memref<256x256xf32>}))
  (def c (memref.alloc {:result memref<256x256xf32>}))
  (linalg.fill (: 0.5 f32) a)
  (linalg.fill (: 2.0 f32) b)
  (call! matmul a b c)
  (func.return (memref.load c 255 255)))
