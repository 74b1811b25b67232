;; expect: 1 0 1
;; Predicates are whole numbers: 2 is slt, 6 is ult of cmpi; 4 is olt of cmpf.
(require-dialect func arith)
(defn main []
  (def a (arith.extui {:result i32} (arith.cmpi {:predicate 2} (: -1 i64) (: 1 i64))))
  (def b (arith.extui {:result i32} (arith.cmpi {:predicate 6} (: -1 i64) (: 1 i64))))
  (def c (arith.extui {:result i32} (arith.cmpf {:predicate 4} (: -1 f64) (: 1 f64))))
  (println "%d %d %d" a b c)
  (func.return))
