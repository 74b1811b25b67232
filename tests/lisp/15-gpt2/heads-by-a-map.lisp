;; expect: 130
;; A map that computes its column: head 1 of width 64, element 2 of row 1 is 64 + 2 + 64.
(require-dialect func linalg memref arith scf)
(defn main [] -> i64
  (def qkv (memref.alloc {:result memref<2x128xi64>}))
  (scf.for (: 0 index) (: 2 index) (: 1 index) (region (block [(: i index)]
    (scf.for (: 0 index) (: 128 index) (: 1 index) (region (block [(: j index)]
      (memref.store (arith.index_cast {:result i64} (+i (*i i 64) j)) qkv i j)
      (scf.yield))))
    (scf.yield))))
  (def heads (memref.alloc {:result memref<2x2x64xi64>}))
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(d0, d1, d2) -> (d1, d0*64 + d2)>
                                   affine_map<(d0, d1, d2) -> (d0, d1, d2)>]
                   :iterator_types ["parallel" "parallel" "parallel"]}
    qkv heads
    (region (block [(: x i64) (: old i64)] (linalg.yield x))))
  (func.return (memref.load heads 1 1 2)))
