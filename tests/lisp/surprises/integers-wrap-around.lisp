;; expect: -2147483648
(require-dialect func arith)
(defn main [] -> i32 (func.return (arith.addi (: 2147483647 i32) 1)))
