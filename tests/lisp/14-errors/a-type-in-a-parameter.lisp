;; error: 3:18 type parse error
(require-dialect func)
(defn main [(: m memrf<4xf32>)] (func.return))
