;; How many steps until n reaches 1, halving even numbers and taking odd ones times 3 plus 1.

(require-dialect arith func memref)

(defn steps [(: n i64)] -> i64
  (def now (memref.alloca {:result memref<i64>}))
  (def count (memref.alloca {:result memref<i64>}))
  (memref.store n now)
  (memref.store 0 count)
  (while (!= (memref.load now) 1)
    (def k (memref.load now))
    (memref.store
      (if {:result i64} (= (arith.remsi k 2) 0) (/ k 2) (+ (* k 3) 1))
      now)
    (memref.store (inc (memref.load count)) count))
  (func.return (memref.load count)))

(defn main [] -> i64
  (func.return (call i64 steps (: 27 i64))))
