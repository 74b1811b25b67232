;; error: 3:35 macro '+i': wrong number of arguments, expected 2, got 3
(require-dialect func)
(defn main [] -> i64 (func.return (+i (: 1 i64) (: 2 i64) (: 3 i64))))
