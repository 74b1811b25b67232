;; error: 2:10 require: 
(require ["lib/numbers.lisp"])
