;; Refused: nothing is called total.

(require-dialect arith func)
(defn main [] -> i32
  (func.return (arith.addi (: 1 i32) total)))
