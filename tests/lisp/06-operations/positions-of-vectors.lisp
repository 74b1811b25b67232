;; expect: 5 6
;; :position is what an older MLIR called :static_position.
(require-dialect func vector arith)
(defn main []
  (def v (vector.insert {:position [1]} (: 6 i64) (: 5 vector<4xi64>)))
  (println "%ld %ld" (vector.extract {:position [0]} v)
    (vector.extract {:static_position array<i64: 1>} v))
  (func.return))
