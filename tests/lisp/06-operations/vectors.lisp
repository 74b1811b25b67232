;; expect: 10 4
;; The old spelling of vector.extract is understood too.
(require-dialect func vector arith)
(defn main []
  (def v (arith.constant {:value (: dense<[1.0, 2.0, 3.0, 4.0]> vector<4xf64>)
                          :result vector<4xf64>}))
  (println "%g %g" (vector.reduction {:kind "#vector.kind<add>" :result f64} v)
           (vector.extract {:position [3] :result f64} v))
  (func.return))
