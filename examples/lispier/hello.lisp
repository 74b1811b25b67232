;; The smallest program with output.

(require-dialect func)

(defn main [] -> i32
  (println "hello")
  (func.return 0))
