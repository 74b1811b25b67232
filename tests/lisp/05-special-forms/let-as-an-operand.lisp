;; expect: 10
(require-dialect func)
(defn main [] -> i64
  (func.return (let [a (: 5 i64)] (+i a (let [b a] b)))))
