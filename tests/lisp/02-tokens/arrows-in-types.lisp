;; expect: 1
;; The > of an arrow closes no bracket.
(require-dialect affine func arith)
(defn main [] -> i64
  (def i (affine.apply {:map affine_map<(d0) -> (d0 floordiv 4)>} (: 7 index)))
  (func.return (arith.index_cast {:result i64} i)))
