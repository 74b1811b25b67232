;; error: 7:3 no_such_function
;; It is found before anything runs.
(require-dialect func)
(extern-fn no_such_function (-> [] []))
(defn main []
  (println "never printed")
  (call! no_such_function)
  (func.return))
