;; expect: 0.8412 -0.1588
(require-dialect func arith math)
(defn gelu [(: x f64)] -> f64
  (def cube (*f x (*f x x)))
  (def inner (*f (+f x (*f cube (: 0.044715 f64))) (: 0.7978845608028654 f64)))
  (func.return (*f (*f x (: 0.5 f64)) (+f (math.tanh inner) (: 1.0 f64)))))
(defn main []
  (println "%.4f %.4f" (call f64 gelu (: 1.0 f64)) (call f64 gelu (: -1.0 f64)))
  (func.return))
