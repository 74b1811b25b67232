;; expect: 1 1 0 0 0 1
(require-dialect func arith)
(defn bit [(: b i1)] -> i32 (func.return (arith.extui {:result i32} b)))
(defn main []
  (def a (: -1 i64))
  (def b (: 1 i64))
  (println "%d %d %d %d %d %d" (call i32 bit (<i a b)) (call i32 bit (<=i a b))
           (call i32 bit (>i a b)) (call i32 bit (>=i a b)) (call i32 bit (=i a b))
           (call i32 bit (!=i a b)))
  (func.return))
