;; expect: 2
;; The > of >= closes no bracket.
(require-dialect affine func arith)
(defn main [] -> i64
  (def i (: 5 index))
  (def r (affine.if {:condition affine_set<(d0) : (d0 - 5 >= 0)> :result i64} i
    (region (affine.yield (: 2 i64)))
    (region (affine.yield (: 3 i64)))))
  (func.return r))
