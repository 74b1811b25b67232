(require-macros "launch.lisp")
(require-dialect arith func gpu linalg memref)

;; c = a b, and every element of c is halved
(defn product [(: c memref<?x?xf32>) (: a memref<?x?xf32>) (: b memref<?x?xf32>)]
  (linalg.fill (: 0.0 f32) c)
  (linalg.matmul a b c)
  (linalg.generic {:ins 0 :outs 1
                   :indexing_maps [affine_map<(i, j) -> (i, j)>]
                   :iterator_types ["parallel" "parallel"]}
    c
    (region (block [(: v f32)] (linalg.yield (* v (: 0.5 f32))))))
  (func.return))

(defn matrix [(: n index) (: m index) (: value f32)] -> memref<?x?xf32>
  (def x (memref.alloc {:result memref<?x?xf32>} n m))
  (register x)
  (linalg.fill value x)
  (func.return x))

(defn main []
  (def a (call memref<?x?xf32> matrix (: 30 index) (: 50 index) (: 2.0 f32)))
  (def b (call memref<?x?xf32> matrix (: 50 index) (: 20 index) (: 0.5 f32)))
  (def c (call memref<?x?xf32> matrix (: 30 index) (: 20 index) (: 7.0 f32)))
  (call! product c a b)
  (println "%g" (arith.extf {:result f64} (memref.load c 29 19)))
  (func.return))
