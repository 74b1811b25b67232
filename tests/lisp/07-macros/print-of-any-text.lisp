;; expect: # title
;; expect: @here
;; expect: dense<1>
;; What would be an attribute elsewhere is text here.
(require-dialect func)
(defn main [] (println "# title") (println "@here") (println "dense<1>") (func.return))
