;; error: 5:30 undefined symbol: yy
(require-dialect func arith)
(defn main [] -> i64
	(def x (: 1 i64))
		(func.return (arith.addi x yy)))
