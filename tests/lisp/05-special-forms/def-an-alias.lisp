;; expect: 8
(require-dialect func)
(defn main [] -> i64
  (def a (: 4 i64))
  (def b a)
  (func.return (+i a b)))
