(require-dialect arith func gpu memref)

(defn main []
  (def n (: 8 index))
  (def x (memref.alloc {:result memref<?xf32>} n))
  (for [i 0 n]
    (memref.store (arith.sitofp {:result f32} (arith.index_cast {:result i64} i)) x i))
  (gpu.host_register (memref.cast {:result "memref<*xf32>"} x))
  (def one (: 1 index))
  (gpu.launch (: 2 index) one one (: 4 index) one one
    (region (block [(: bx index) (: by index) (: bz index) (: tx index) (: ty index) (: tz index)
                    (: gx index) (: gy index) (: gz index) (: sx index) (: sy index) (: sz index)]
      (def i (+ (* bx sx) tx))
      (def v (memref.load x i))
      (memref.store (* v v) x i)
      (gpu.terminator))))
  (for [i 0 n]
    (print "%g " (arith.extf {:result f64} (memref.load x i))))
  (println "")
  (memref.dealloc x)
  (func.return))
