;; expect: 12
;; 12abc is the number 12 and the name abc.
(require-dialect arith func)
(defn main [] -> i64
  (def abc (: 0 i64))
  (func.return (arith.addi 12abc)))
