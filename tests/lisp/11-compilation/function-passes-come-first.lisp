;; expect: 5
;; Whatever their order in the file: lower-affine in func-passes precedes the passes group, where
;; nothing of affine may be left for convert-scf-to-cf.
(require-dialect func affine arith)
(compilation-cpu
  (passes (pass convert-scf-to-cf))
  (func-passes (pass lower-affine)))
(defn main []
  (def i (affine.apply {:map affine_map<(d0) -> (d0 + 2)>} (: 3 index)))
  (println "%ld" (arith.index_cast {:result i64} i))
  (func.return))
