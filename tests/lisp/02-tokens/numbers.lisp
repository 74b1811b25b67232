;; expect: -7 0.5 1e+10 -0.00025 300
;; A sign, digits, a fraction, an exponent with or without a sign.
(require-dialect func arith)
(defn main []
  (println "%ld %g %g %g %g" (: -7 i64) (: 0.5 f64) (: 1e10 f64) (: -2.5E-4 f64) (: 3e+2 f64))
  (func.return))
