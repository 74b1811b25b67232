;; error: 3:17 type parse error: "" is not a type
(require-dialect func)
(defn main [(: x""   )] (func.return))
