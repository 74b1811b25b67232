;; error: 4:17 canonicalise
(require-dialect func)
(compilation-cpu
  (passes (pass canonicalise)))
(defn main [] (println "never") (func.return))
