;; error: 3:22 macro 'print': expected a string
(require-dialect func)
(defn main [] (print 5) (func.return))
