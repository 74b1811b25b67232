;; expect: 0.0900 0.2447 0.6652
(require-dialect func arith memref scf math)
(defn softmax [(: x memref<?xf64>) (: n index)]
  (def least (: -1.0e30 f64))
  (def top (scf.for {:result f64} (: 0 index) n (: 1 index) least
    (region (block [(: i index) (: m f64)] (scf.yield (arith.maximumf m (memref.load x i)))))))
  (def sum (scf.for {:result f64} (: 0 index) n (: 1 index) (: 0.0 f64)
    (region (block [(: i index) (: acc f64)]
      (def e (math.exp (-f (memref.load x i) top)))
      (memref.store e x i)
      (scf.yield (+f acc e))))))
  (scf.for (: 0 index) n (: 1 index) (region (block [(: i index)]
    (memref.store (/f (memref.load x i) sum) x i)
    (scf.yield))))
  (func.return))
(defn main []
  (def n (: 3 index))
  (def x (memref.alloc {:result memref<?xf64>} n))
  (memref.store (: 1.0 f64) x 0) (memref.store (: 2.0 f64) x 1) (memref.store (: 3.0 f64) x 2)
  (call! softmax x n)
  (println "%.4f %.4f %.4f" (memref.load x 0) (memref.load x 1) (memref.load x 2))
  (memref.dealloc x)
  (func.return))
