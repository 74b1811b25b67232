;; expect: 10 2.5 24 -3
;; + - * / take any number of operands; their types decide.
(require-dialect func)
(defn main []
  (def n (: 1 i64))
  (def x (: 0.5 f64))
  (println "%ld %g %ld %ld" (+ n 2 3 4) (/ (+ x 2.0) 1.0) (* 2 3 4) (- 3 n 5))
  (func.return))
