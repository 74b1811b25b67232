;; expect: 2
;; A declared function of libc or libm is found whether or not it was asked for.
(require-dialect func)
(extern-fn cbrt (-> [f64] [f64]))
(defn main [] -> f64 (func.return (call f64 cbrt (: 8.0 f64))))
