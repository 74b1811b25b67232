;; expect: 0 1 1
;; expect: 3
(require-dialect func affine arith memref)
(defn far [(: i index)] -> i32
  (func.return
    (affine.if {:condition "affine_set<(d0) : (d0 - 3 >= 0)>" :result i32} i
      (region (block [] (affine.yield (: 1 i32))))
      (region (block [] (affine.yield (: 0 i32)))))))
(defn main [] -> i32
  (print "%d %d %d\n" (call i32 far 2) (call i32 far 3) (call i32 far 4))
  (def count (memref.alloca {:result memref<i32>}))
  (memref.store (: 0 i32) count)
  ; Without an else, for effect.
  (affine.for {:lower_bound 0 :upper_bound 8} (region (block [(: i index)]
    (affine.if {:condition affine_set<(d0) : (d0 - 4 >= 0, 6 - d0 >= 0)>} i
      (region (block [] (memref.store (inc (memref.load count)) count) (affine.yield))))
    (affine.yield))))
  (func.return (memref.load count)))
