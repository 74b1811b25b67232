;; expect: 1024
(require-dialect func scf arith)
(defn main [] -> i64
  (def n (scf.while {:result i64} (: 1 i64)
    (region (block [(: v i64)] (scf.condition (<i v 1000) v)))
    (region (block [(: v i64)] (scf.yield (+i v v))))))
  (func.return n))
