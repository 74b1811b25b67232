;; expect: 2 1 0.75 3
(require-dialect func)
(defn main []
  (def a (: 1.5 f64))
  (def b (: 0.5 f64))
  (println "%g %g %g %g" (+f a b) (-f a b) (*f a b) (/f a b))
  (func.return))
