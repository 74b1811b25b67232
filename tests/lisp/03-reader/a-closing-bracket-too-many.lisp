;; error: 3:29 unexpected ')'
(require-dialect func)
(defn main [] (func.return)))
