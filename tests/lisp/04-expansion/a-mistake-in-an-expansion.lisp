;; error: 6:3 'scf.if' op operand #0 must be 1-bit
;; The place is that of the macro's call.
(require-dialect func)
(defn main []
  (def n (: 1 i64))
  (when n (println "never"))
  (func.return))
