;; error: lib/circle.lisp:2:11 circular dependency detected
(require ["lib/circle.lisp" :as c])
(require-dialect func)
(defn main [] (func.return))
