;; error: 6:33 MLIR has no pass 'canonicalise'
;; The place is that of the pass, not of its group.
(require-dialect func)
(compilation-cpu
  (passes (pass canonicalize))
  (func-passes (pass cse) (pass canonicalise)))
(defn main [] (println "never") (func.return))
