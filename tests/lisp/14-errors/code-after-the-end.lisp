;; error: 5:3 nothing can follow func.return
(require-dialect func)
(defn main []
  (func.return)
  (println "unreachable"))
