;; error: 3:20 def: expected a symbol or a vector of names
(require-dialect func)
(defn main [] (def 5 (: 1 i64)) (func.return))
