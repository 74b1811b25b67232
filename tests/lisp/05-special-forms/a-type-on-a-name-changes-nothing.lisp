;; expect: 5
(require-dialect func)
(defn main [] -> i64
  (def n (: 5 i64))
  (func.return (: n i32)))
