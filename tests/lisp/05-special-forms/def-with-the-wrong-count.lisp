;; error: 4:16 result/binding count mismatch
(require-dialect func arith)
(defn main [] -> i32
  (def [a b c] (arith.addui_extended {:result [i32 i1]} (: 1 i32) (: 2 i32)))
  (func.return a))
