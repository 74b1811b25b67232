;; expect: NaN
(require-dialect func arith)
(defn main [] -> f32 (func.return (arith.divf (: 0 f32) (: 0 f32))))
