;; expect: 1
;; A name or number as a statement does nothing.
(require-dialect func)
(defn main [] -> i64
  (def x (: 1 i64))
  x
  7
  (func.return x))
