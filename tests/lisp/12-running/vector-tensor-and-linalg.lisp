;; expect: 30
;; The default pipeline takes them all.
(require-dialect func linalg tensor vector arith)
(defn main [] -> f32
  (def t (arith.constant {:value (: dense<[1.0, 2.0, 3.0, 4.0]> tensor<4xf32>)
                          :result tensor<4xf32>}))
  (def e (tensor.empty {:result tensor<f32>}))
  (def z (linalg.fill {:result tensor<f32>} (: 0.0 f32) e))
  (def r (linalg.dot {:result tensor<f32>} t t z))
  (func.return (tensor.extract r)))
