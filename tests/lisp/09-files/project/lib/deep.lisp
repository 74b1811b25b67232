(require ["@lib/constants.lisp" :as c])
(require-dialect func)
(defn five [] -> i64 (func.return (+i (call i64 c/two) (: 3 i64))))
