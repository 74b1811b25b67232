;; Refused: an index and an i64 are two types.

(require-dialect arith func)
(defn f [(: i index) (: n i64)] -> i64
  (func.return (arith.addi n i)))
