;; expect: 14
;; Inner regions see all enclosing names; the innermost wins, and only there.
(require-dialect func scf arith)
(defn main [] -> i64
  (def x (: 4 i64))
  (def y (scf.execute_region {:result i64} (region
    (def x (: 10 i64))
    (scf.yield x))))
  (func.return (arith.addi x y)))
