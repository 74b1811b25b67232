;; expect: 42
;; Tabs, carriage returns and empty lines separate tokens as blanks do; brackets need none.
(require-dialect	arith	func)

(defn main[]->	i64
	(def	x(: 40	i64))(def y
	(: 2 i64))

	(func.return(arith.addi x y)))
