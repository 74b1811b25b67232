;; expect: 4
;; The first character of a name opens no bracket: <i, >=i and -> are ordinary.
(require-dialect arith func)
(defn main [] -> i64
  (def < (: 4 i64))
  (def small (<i < 5))
  (func.return (if {:result i64} small < (: 0 i64))))
