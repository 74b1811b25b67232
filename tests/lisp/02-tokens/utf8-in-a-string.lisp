;; expect: grüße 7
;; Strings are UTF-8: printf says how many bytes it wrote.
(require-dialect func)
(defn main []
  (def n (print "grüße"))
  (println " %d" n)
  (func.return))
