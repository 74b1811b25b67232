;; An array in memory: fill it, add it up.

(require-dialect arith func memref)

(defn sum [(: x memref<?xf64>)] -> f64
  (def n (memref.dim x 0))
  (func.return
    (for {:result f64} [i 0 n] [so-far 0.0]
      (+ so-far (memref.load x i)))))

(defn main [] -> f64
  (def n (: 100 index))
  (def x (memref.alloc {:result memref<?xf64>} n))
  (for [i 0 n]
    (memref.store (arith.sitofp {:result f64} (arith.index_cast {:result i64} i)) x i))
  (def total (call f64 sum x))
  (memref.dealloc x)
  (func.return (/ total 100.0)))
