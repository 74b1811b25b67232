;; error: 4:3 def: wrong number of arguments
(require-dialect func)
(defn main [] -> i64
  (def a (: 1 i64) (: 2 i64))
  (func.return a))
