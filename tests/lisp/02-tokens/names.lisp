;; expect: 21
;; What names are made of.
(require-dialect arith func)
(defn main [] -> i64
  (def a-b (: 1 i64))
  (def _a1 (: 2 i64))
  (def ok? (: 3 i64))
  (def set! (: 4 i64))
  (def *star* (: 5 i64))
  (def a+b=c% (: 6 i64))
  (func.return
    (arith.addi a-b (arith.addi _a1 (arith.addi ok? (arith.addi set! (arith.addi *star* a+b=c%)))))))
