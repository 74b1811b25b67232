;; expect: 9
;; Names of a let end with it.
(require-dialect func)
(defn main [] -> i64
  (def a (: 4 i64))
  (def b (let [a (: 5 i64)] a))
  (func.return (+i a b)))
