;; expect: 5
(require-dialect func arith)
(defn main [] -> i32
  (def r (let [[s c] (arith.addui_extended {:result [i32 i1]} (: 2 i32) (: 3 i32))] s))
  (func.return r))
