;; error: lib/broken.lisp:3:36 undefined symbol: m
(require ["lib/broken.lisp" :as b])
(require-dialect func)
(defn main [] (func.return))
