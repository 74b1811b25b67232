;; expect: 30
;; expect: 18
;; The bounds are operands where no map is said: first from, then to, then what the loop carries.
(require-dialect func affine arith)
(defn even-sum [(: n index)] -> i64
  (func.return
    (affine.for {:step 2 :result i64} 0 n (: 0 i64)
      (region (block [(: i index) (: sum i64)]
        (affine.yield (+ sum (arith.index_cast {:result i64} i))))))))
(defn main [] -> i64
  (print "%ld\n" (call i64 even-sum (: 11 index)))
  (def n (: 4 index))
  (func.return
    (affine.for {:lower_bound affine_map<(d0) -> (d0 - 1)> :upper_bound affine_map<() -> (7)>
                 :result i64} n (: 0 i64)
      (region (block [(: i index) (: sum i64)]
        (affine.yield (+ sum (arith.index_cast {:result i64} i))))))))
