;; expect: 1 0 1
(require-dialect func arith)
(defn bit [(: b i1)] -> i32 (func.return (arith.extui {:result i32} b)))
(defn main []
  (def x (: 1.5 f64))
  (println "%d %d %d" (call i32 bit (< x 2.0)) (call i32 bit (= (: 1 i64) 2))
           (call i32 bit (>= (: 3 index) 3)))
  (func.return))
