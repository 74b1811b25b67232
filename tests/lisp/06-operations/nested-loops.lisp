;; expect: 81
;; Four loops deep, no values carried: the sum is in memory.
(require-dialect func scf memref arith)
(defn main [] -> i64
  (def sum (memref.alloca {:result memref<i64>}))
  (memref.store (: 0 i64) sum)
  (def [lo hi one] (scf.execute_region {:result [index index index]}
    (region (scf.yield (: 0 index) (: 3 index) (: 1 index)))))
  (scf.for lo hi one (region (block [(: i index)]
    (scf.for lo hi one (region (block [(: j index)]
      (scf.for lo hi one (region (block [(: k index)]
        (scf.for lo hi one (region (block [(: l index)]
          (memref.store (+i (memref.load sum) 1) sum)
          (scf.yield))))
        (scf.yield))))
      (scf.yield))))
    (scf.yield))))
  (func.return (memref.load sum)))
