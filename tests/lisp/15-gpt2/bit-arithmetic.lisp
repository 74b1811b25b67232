;; expect: 6 7 40 2 5 -1 255
(require-dialect func arith)
(defn main []
  (def a (: 7 i32))
  (println "%d %d %d %d %d %d %d" (arith.andi a 6) (arith.ori a 2) (arith.shli (: 5 i32) 3)
           (arith.divui a 3) (arith.remui (: 12 i32) a) (arith.extsi {:result i32} (: 255 i8))
           (arith.extui {:result i32} (: 255 i8)))
  (func.return))
