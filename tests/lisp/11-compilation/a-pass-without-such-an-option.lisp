;; error: 4:17 pass 'canonicalize' has no option 'speed'
(require-dialect func)
(compilation-cpu
  (passes (pass canonicalize {:speed 11})))
(defn main [] (println "never") (func.return))
