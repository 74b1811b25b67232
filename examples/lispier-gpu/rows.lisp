(require-macros "launch.lisp")
(require-dialect arith func gpu memref scf)

;; The sum of what the 32 lanes of a warp have, in every lane.
(defn warp-sum [(: mine f32)] -> f32
  (func.return
    (for {:result f32} [step 0 5] [sum mine]
      (def distance (arith.shrui (: 16 i32) (arith.index_cast {:result i32} step)))
      (def [other valid] (gpu.shuffle {:mode "xor"} sum distance (: 32 i32)))
      (+ sum other))))

;; sums[r] = x[r, :] summed, a warp for each row
(defn sum-rows [(: sums memref<?xf32>) (: x memref<?x?xf32>)]
  (launch
    [row lane] (memref.dim x 0) (: 32 index)
    (def part
      (for {:result f32} [c lane (memref.dim x 1) 32] [sum (: 0.0 f32)]
        (+ sum (memref.load x row c))))
    (def sum (call f32 warp-sum part))
    (when (= lane 0)
      (gpu.printf {:format "row %ld: %.1f\n"} row sum)
      (memref.store sum sums row)))
  (func.return))

(defn main []
  (def x (memref.alloc {:result memref<?x?xf32>} (: 3 index) (: 100 index)))
  (def sums (memref.alloc {:result memref<?xf32>} (: 3 index)))
  (for [r 0 3]
    (for [c 0 100]
      (memref.store (arith.sitofp {:result f32} (arith.index_cast {:result i64} (+ r c))) x r c)))
  (register x)
  (register sums)
  (call! sum-rows sums x)
  (println "the last one: %g" (arith.extf {:result f64} (memref.load sums 2)))
  (memref.dealloc sums)
  (memref.dealloc x)
  (func.return))
