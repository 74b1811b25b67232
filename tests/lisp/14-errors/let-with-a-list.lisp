;; error: 3:20 let: expected a vector
(require-dialect func)
(defn main [] (let (a (: 1 i64)) a) (func.return))
