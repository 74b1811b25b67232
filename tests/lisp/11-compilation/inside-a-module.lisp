;; expect: inside
(module
  (require-dialect func)
  (compilation-cpu (passes (pass canonicalize)))
  (defn main [] (println "inside") (func.return)))
