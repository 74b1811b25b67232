;; expect: 7 2.5
;; A whole number is an i64, one with a fraction an f64.
(require-dialect func)
(defn main []
  (def n 7)
  (def x 2.5)
  (println "%ld %g" n x)
  (func.return))
