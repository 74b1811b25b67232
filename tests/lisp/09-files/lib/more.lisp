(require ["numbers.lisp" :as n])
(require-dialect func)
(defn fifteen [] -> i64 (func.return (+i (call i64 n/ten) (: 5 i64))))
