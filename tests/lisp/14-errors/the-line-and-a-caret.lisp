;; error: 7:18 undefined symbol: totals
;; says:     (func.return totals))
;; says:                  ^~~~~~
(require-dialect func)
(defn main [] -> i64
  (def total (: 1 i64))
    (func.return totals))
