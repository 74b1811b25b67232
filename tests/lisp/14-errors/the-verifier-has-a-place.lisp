;; error: 5:3 'func.return' op has 0 operands, but
;; Also what MLIR's verifier finds is told with its place.
(require-dialect func)
(defn main [] -> i64
  (func.return))
