;; error: 3:27 invalid type annotation
(require-dialect func)
(defn main [] (def n (: 5 "i32")) (func.return))
