;; error: 2:11 file not found: 
(require ["lib/nothing.lisp" :as n])
