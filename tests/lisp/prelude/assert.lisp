;; expect: before
;; status: 1
;; says: prelude/assert.lisp:9:3: assertion failed: n is small
(require-dialect func)
(defn main []
  (def n (: 4 i64))
  (println "before")
  (assert (= n 4))
  (assert (< n 4) "n is small")
  (println "after")
  (func.return))
