;; expect: 25
;; numbers.lisp comes in twice, by two ways of writing its path.
(require-dialect func)
(require ["lib/numbers.lisp" :as n] ["./lib/../lib/more.lisp" :as m])
(defn main [] -> i64 (func.return (+i (call i64 m/fifteen) (call i64 n/ten))))
