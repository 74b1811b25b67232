;; error: 3:22 300 does not fit i8
(require-dialect func)
(defn main [] (def n (: 300 i8)) (func.return))
