;; error: 3:21 unexpected ']'
(require-dialect func)
(defn main [(: x i64]) (func.return))
