;; error: 4:10 string is not terminated
(require-dialect func)
(defn main []
  (print "no end
  (func.return))
