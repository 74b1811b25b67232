;; check: needs a GPU to run
;; Twelve block arguments, six operands; the segment sizes follow from their number.
(require-dialect func gpu memref arith)
(defn main []
  (def n (: 4 index))
  (def one (: 1 index))
  (def m (memref.alloc {:result memref<16xf32>}))
  (def u (memref.cast {:result "memref<*xf32>"} m))
  (gpu.host_register u)
  (gpu.launch n one one n one one
    (region (block [(: bx index) (: by index) (: bz index) (: tx index) (: ty index) (: tz index)
                    (: gx index) (: gy index) (: gz index) (: sx index) (: sy index) (: sz index)]
      (def i (arith.addi (arith.muli bx sx) tx))
      (memref.store (: 1.0 f32) m i)
      (gpu.terminator))))
  (func.return))
