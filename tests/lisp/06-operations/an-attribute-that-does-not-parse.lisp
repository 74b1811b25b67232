;; error: 3:35 attribute parse error
(require-dialect func arith)
(defn main [] (func.return {:note "#nonsense<1>"}))
