;; expect: 3
(require-dialect func arith)
(defn main [] -> i32
  (def sum (arith.addui_extended {:result [i32 i1]} (: 1 i32) (: 2 i32)))
  (func.return sum))
