;; error: 5:10 'x' would have no value
(require-dialect func memref)
(defn main []
  (def m (memref.alloca {:result memref<1xi64>}))
  (def x (memref.store (: 1 i64) m (: 0 index)))
  (func.return))
