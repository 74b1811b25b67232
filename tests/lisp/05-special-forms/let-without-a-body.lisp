;; error: 3:15 let: wrong number of arguments
(require-dialect func)
(defn main [] (let [a (: 1 i64)]) (func.return))
