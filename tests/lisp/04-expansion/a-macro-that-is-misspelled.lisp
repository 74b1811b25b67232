;; error: 5:4 unknown operation or macro 'prnitln'
;; says: did you mean 'println'?
(require-dialect func)
(defn main []
  (prnitln "hello")
  (func.return))
