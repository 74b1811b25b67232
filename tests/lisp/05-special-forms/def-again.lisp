;; expect: 6
;; A name defined again means the new value from there on.
(require-dialect func)
(defn main [] -> i64
  (def n (: 1 i64))
  (def n (+i n 1))
  (def n (*i n 3))
  (func.return n))
