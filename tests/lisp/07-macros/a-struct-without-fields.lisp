;; error: 3:1 defstruct: wrong number of arguments
(require-dialect func)
(defstruct Empty)
(defn main [] (func.return))
