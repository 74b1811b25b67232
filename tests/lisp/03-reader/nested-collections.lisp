;; expect: 10
;; Vectors, maps and lists in each other.
(require-dialect arith func scf)
(defn main [] -> i64
  (def [a b] (scf.execute_region {:result [i64 i64]}
    (region (block [] (scf.yield (: 4 i64) (: 6 i64))))))
  (func.return (arith.addi [a b])))
