;; error: 3:24 '~' stands only in a quasiquote
(require-dialect func)
(defn main [(: x i64)] ~x (func.return))
