;; expect: 3 2 1
(require-dialect func memref)
(defn main []
  (def n (memref.alloca {:result memref<i64>}))
  (memref.store (: 3 i64) n)
  (while (> (memref.load n) 1)
    (print "%ld " (memref.load n))
    (memref.store (- (memref.load n) 1) n))
  (println "%ld" (memref.load n))
  (func.return))
