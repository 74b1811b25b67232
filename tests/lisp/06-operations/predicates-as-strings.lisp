;; expect: 1 0 1 0
(require-dialect func arith index llvm)
(defn main []
  (def a (arith.extui {:result i32} (arith.cmpi {:predicate "slt"} (: -1 i64) (: 1 i64))))
  (def b (arith.extui {:result i32} (arith.cmpi {:predicate "ult"} (: -1 i64) (: 1 i64))))
  (def c (arith.extui {:result i32} (arith.cmpf {:predicate "une"} (: -1 f64) (: 1 f64))))
  (def d (arith.extui {:result i32} (index.cmp {:pred "sge"} (: 1 index) (: 2 index))))
  (println "%d %d %d %d" a b c d)
  (func.return))
