;; expect: 2 8
(require-dialect func)
(link-library :m)
(link-library :libm)
(extern-fn sqrt (-> [f64] [f64]))
(extern-fn pow (-> [f64 f64] [f64]))
(defn main []
  (println "%g %g" (call f64 sqrt 4) (call f64 pow 2 3))
  (func.return))
