;; error: 3:16 expected symbol
(require-dialect func)
(defn main [] ((: 1 i64) (: 2 i64)) (func.return))
