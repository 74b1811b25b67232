;; expect: 8
;; expect: not false
(require-dialect func)
(defn main []
  (println "%ld" (inc (: 7 i64)))
  (when (not (: false i1)) (println "not false"))
  (func.return))
