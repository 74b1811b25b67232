;; check: a launch of grid and block sizes alone needs no segments
(require-dialect func gpu memref)
(defn main []
  (def m (memref.alloc {:result memref<64xf32>}))
  (def one (: 1 index))
  (gpu.launch one one one (: 64 index) one one
    (region (block [(: bx index) (: by index) (: bz index) (: tx index) (: ty index) (: tz index)
                    (: gx index) (: gy index) (: gz index) (: sx index) (: sy index) (: sz index)]
      (memref.store (: 1 f32) m tx)
      (gpu.terminator))))
  (func.return))
