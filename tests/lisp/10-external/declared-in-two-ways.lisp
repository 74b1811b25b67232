;; error: 4:12 declared differently twice
(require-dialect func)
(extern-fn exp (-> [f64] [f64]))
(extern-fn exp (-> [f32] [f32]))
(defn main [] (func.return))
