;; expect: 12
;; On tensors the value is the result.
(require-dialect func linalg tensor)
(defn main [] -> f64
  (def e (tensor.empty {:result tensor<2x2xf64>}))
  (def a (linalg.fill {:result tensor<2x2xf64>} (: 2.0 f64) e))
  (def b (linalg.fill {:result tensor<2x2xf64>} (: 3.0 f64) e))
  (def z (linalg.fill {:result tensor<2x2xf64>} (: 0.0 f64) e))
  (def c (linalg.matmul {:result tensor<2x2xf64>} a b z))
  (func.return (tensor.extract c (: 1 index) (: 1 index))))
