;; error: 3:15 no_such.so
(require-dialect func)
(link-library "lib/no_such.so")
(extern-fn f (-> [] []))
(defn main [] (call! f) (func.return))
