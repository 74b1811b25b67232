;; expect: 2.718282 0.841471 8 0.761594
(require-dialect func math)
(defn main []
  (println "%f %f %g %f" (math.exp (: 1.0 f64)) (math.sin (: 1.0 f64))
           (math.powf (: 2.0 f64) (: 3.0 f64)) (math.tanh (: 1.0 f64)))
  (func.return))
