;; error: 3:16 expected symbol
(require-dialect func)
(defn main [] (5 6) (func.return))
