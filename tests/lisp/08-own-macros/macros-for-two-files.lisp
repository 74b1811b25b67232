;; expect: 9
;; A file of macros gives them to every file that asks.
(require ["lib/uses-thrice.lisp" :as u])
(require-macros "lib/thrice.lisp")
(require-dialect func)
(defn main [] -> i64 (func.return (thrice (call i64 u/one))))
