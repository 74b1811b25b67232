;; expect: 1 0 1 0 0 1
;; Of none, and is true and or is false.
(require-dialect func arith)
(defn int [(: b i1)] -> i32 (func.return (arith.extui {:result i32} b)))
(defn main []
  (def t (: true i1))
  (def f (: false i1))
  (println "%d %d %d %d %d %d" (call i32 int (and)) (call i32 int (or)) (call i32 int (and t t t))
           (call i32 int (and t f t)) (call i32 int (or f f)) (call i32 int (or f t f)))
  (func.return))
