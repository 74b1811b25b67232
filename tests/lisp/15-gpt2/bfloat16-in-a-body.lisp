;; expect: 7.5
;; Weights are stored as bf16 and widened where they are read.
(require-dialect func linalg memref arith)
(defn main [] -> f32
  (def w (memref.alloc {:result memref<3xbf16>}))
  (def x (memref.alloc {:result memref<3xf32>}))
  (def y (memref.alloc {:result memref<f32>}))
  (linalg.fill (: 1.25 bf16) w)
  (linalg.fill (: 2.0 f32) x)
  (linalg.fill (: 0.0 f32) y)
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(d0) -> (d0)> affine_map<(d0) -> (d0)>
                                   affine_map<(d0) -> ()>]
                   :iterator_types ["#linalg.iterator_type<reduction>"]}
    w x y
    (region (block [(: a bf16) (: b f32) (: acc f32)]
      (linalg.yield (arith.addf acc (arith.mulf (arith.extf {:result f32} a) b))))))
  (func.return (memref.load y)))
