;; error: 3:21 '<' is not closed
(require-dialect func)
(defn f [(: m memref<4xf32)] (func.return))
