;; error: 3:16 unknown dialect 'func'
(require ["lib/numbers.lisp" :as n])
(defn main [] (func.return))
