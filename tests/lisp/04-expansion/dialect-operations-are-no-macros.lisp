;; expect: 3
;; scf.if is the operation; if is the macro.
(require-dialect arith func scf)
(defn main [] -> i64
  (def c (: true i1))
  (def a (scf.if {:result i64} c
    (region (scf.yield (: 1 i64)))
    (region (scf.yield (: 0 i64)))))
  (def b (if {:result i64} c (: 2 i64) (: 0 i64)))
  (func.return (+i a b)))
