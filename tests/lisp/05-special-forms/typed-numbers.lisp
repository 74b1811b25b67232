;; expect: 2 -2 255 1 0.25
;; A number for an integer type is cut toward zero.
(require-dialect func arith)
(defn main []
  (def small (arith.extf {:result f64} (: 0.25 f16)))
  (println "%d %d %d %d %g" (: 2.9 i32) (: -2.9 i32)
           (arith.extui {:result i32} (: 255 i8)) (arith.extui {:result i32} (: true i1)) small)
  (func.return))
