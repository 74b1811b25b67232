;; expect: fine
(require-dialect func)
(extern-fn no_such_function (-> [] []))
(defn main [] (println "fine") (func.return))
