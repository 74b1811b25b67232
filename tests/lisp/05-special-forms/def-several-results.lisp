;; expect: 3 1
;; 4294967295 + 4 is 2^32 + 3: the carry is the second result.
(require-dialect func arith)
(defn main []
  (def [sum carry] (arith.addui_extended {:result [i32 i1]} (: 4294967295 i32) (: 4 i32)))
  (println "%d %d" sum (arith.extui {:result i32} carry))
  (func.return))
