;; error: 5:3 affine.for needs 2 operands for its bounds, got 0
;; says: (affine.for from to ...)
(require-dialect func affine)
(defn main []
  (affine.for (region (block [(: i index)] (affine.yield))))
  (func.return))
