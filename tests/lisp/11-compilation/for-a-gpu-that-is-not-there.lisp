;; error: 4:1 rocm
;; says: hint
(require-dialect func)
(compilation-gpu rocm
  (passes (pass canonicalize))
  (gpu-passes (pass convert-gpu-to-rocdl)))
(defn main [] (println "never") (func.return))
