;; error: 4:1 the compilation block is for rocm
;; says: hint
(require-dialect func)
(compilation (target rocm (pass rocdl-attach-target {:chip "gfx1100"})))
(defn main [] (println "never") (func.return))
