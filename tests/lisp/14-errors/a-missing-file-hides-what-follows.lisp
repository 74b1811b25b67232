;; check: what is called in a file that is not there is not reported
;; error: 4:11 file not found: 14-errors/nowhere.lisp
;; says: 1 error
(require ["nowhere.lisp" :as n])
(require-dialect func)
(defn main [] -> i64 (func.return (call i64 n/f)))
