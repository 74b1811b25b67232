;; error: 3:20 let: expected pairs of a name and a value
(require-dialect func)
(defn main [] (let [a (: 1 i64) b] a) (func.return))
