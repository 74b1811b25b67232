;; expect: same
;; expect: same
;; One global serves both.
(require-dialect func)
(defn a [] (println "same") (func.return))
(defn main [] (call! a) (println "same") (func.return))
