;; error: 5:3 linalg.add: :ins 1 and :outs 1 need 2 operands, got 3
(require-dialect func linalg)
(defn main [] (func.return))
(defn f [(: m memref<4xf32>)]
  (linalg.add {:ins 1 :outs 1} m m m)
  (func.return))
