;; expect: 1.5
(require-dialect func arith)
(defn main [] -> f32 (func.return (arith.extf {:result f32} (: 1.5 bf16))))
