;; The dot product of two vectors: the program that the README follows down the road.

(require-dialect arith func linalg memref)

;; sum[] += a[i] * b[i]
(defn dot [(: a memref<1000xf32>) (: b memref<1000xf32>) (: sum memref<f32>)]
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(i) -> (i)> affine_map<(i) -> (i)>
                                   affine_map<(i) -> ()>]
                   :iterator_types ["reduction"]}
    a b sum
    (region (block [(: x f32) (: y f32) (: so-far f32)]
      (linalg.yield (arith.addf so-far (arith.mulf x y))))))
  (func.return))

(defn main [] -> f32
  (def x (memref.alloca {:result memref<1000xf32>}))
  (def sum (memref.alloca {:result memref<f32>}))
  (linalg.fill (: 3.0 f32) x)
  (linalg.fill (: 0.0 f32) sum)
  (call! dot x x sum)
  (func.return (memref.load sum)))
