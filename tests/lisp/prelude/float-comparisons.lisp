;; expect: 1 0 0 1
;; They are ordered: false when one is NaN; !=f is true then.
(require-dialect func arith)
(defn bit [(: b i1)] -> i32 (func.return (arith.extui {:result i32} b)))
(defn main []
  (def nan (arith.divf (: 0 f64) (: 0 f64)))
  (println "%d %d %d %d" (call i32 bit (<f (: 1.0 f64) (: 2.0 f64))) (call i32 bit (=f nan nan))
           (call i32 bit (>=f nan (: 1.0 f64))) (call i32 bit (!=f nan nan)))
  (func.return))
