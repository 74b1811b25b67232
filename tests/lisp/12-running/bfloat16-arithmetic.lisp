;; expect: 3.25
(require-dialect func arith memref)
(defn main [] -> f32
  (def m (memref.alloca {:result memref<2xbf16>}))
  (memref.store (: 1.25 bf16) m 0)
  (memref.store (arith.truncf {:result bf16} (: 2.0 f32)) m 1)
  (func.return (arith.addf (arith.extf {:result f32} (memref.load m 0))
                           (arith.extf {:result f32} (memref.load m 1)))))
