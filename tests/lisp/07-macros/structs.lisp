;; expect: 3 4.5 9
(require-dialect func arith)
(defstruct Point [x i64] [y f64] [tag i8])
(defn main []
  (def p (new Point))
  (Point/x! p (: 3 i64))
  (Point/y! p (: 4.5 f64))
  (Point/tag! p (: 9 i8))
  (println "%ld %g %d" (Point/x p) (Point/y p) (arith.extui {:result i32} (Point/tag p)))
  (func.return))
