;; error: 5:18 undefined symbol: x
(require-dialect func)
(defn main []
  (println "must not be seen")
  (println "%ld" x)
  (func.return))
