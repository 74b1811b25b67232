;; error: 4:7 function 'f' is defined twice
(require-dialect func)
(defn f [] (func.return))
(defn f [] (func.return))
(defn main [] (func.return))
