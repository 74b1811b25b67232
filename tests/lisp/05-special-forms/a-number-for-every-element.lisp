;; expect: 12
;; A number with a vector type is in all its elements.
(require-dialect func vector arith)
(defn main [] -> f32
  (def v (: 3 vector<4xf32>))
  (func.return (vector.reduction {:kind "#vector.kind<add>" :result f32} v)))
