;; error: 5:3 linalg.generic needs its body
(require-dialect func linalg)
(defn main [] (func.return))
(defn f [(: m memref<4xf32>)]
  (linalg.generic {:indexing_maps [affine_map<(d0) -> (d0)> affine_map<(d0) -> (d0)>]
                   :iterator_types ["parallel"]} m m)
  (func.return))
