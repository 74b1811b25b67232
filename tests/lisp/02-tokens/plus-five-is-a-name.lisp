;; expect: 30
;; There are no numbers with a plus sign.
(require-dialect arith func)
(defn main [] -> i64
  (def +5 (: 30 i64))
  (func.return +5))
