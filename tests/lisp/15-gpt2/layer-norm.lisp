;; expect: -1.3416 -0.4472 0.4472 1.3416
;; Mean and variance of a row, then the row scaled.
(require-dialect func arith memref scf math)
(defn main []
  (def x (memref.alloca {:result memref<4xf32>}))
  (scf.for (: 0 index) (: 4 index) (: 1 index) (region (block [(: i index)]
    (def n (arith.index_cast {:result i32} i))
    (memref.store (arith.sitofp {:result f32} n) x i)
    (scf.yield))))
  (def sum (scf.for {:result f32} (: 0 index) (: 4 index) (: 1 index) (: 0.0 f32)
    (region (block [(: i index) (: acc f32)] (scf.yield (+f acc (memref.load x i)))))))
  (def mean (/f sum (: 4.0 f32)))
  (def squares (scf.for {:result f32} (: 0 index) (: 4 index) (: 1 index) (: 0.0 f32)
    (region (block [(: i index) (: acc f32)]
      (def d (-f (memref.load x i) mean))
      (scf.yield (+f acc (*f d d)))))))
  (def scale (/f (: 1.0 f32) (math.sqrt (+f (/f squares (: 4.0 f32)) (: 1.0e-5 f32)))))
  (scf.for (: 0 index) (: 4 index) (: 1 index) (region (block [(: i index)]
    (memref.store (*f (-f (memref.load x i) mean) scale) x i)
    (scf.yield))))
  (println "%.4f %.4f %.4f %.4f"
    (arith.extf {:result f64} (memref.load x 0)) (arith.extf {:result f64} (memref.load x 1))
    (arith.extf {:result f64} (memref.load x 2)) (arith.extf {:result f64} (memref.load x 3)))
  (func.return))
