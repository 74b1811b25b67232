;; error: 4:22 macro 'loop': expected the type of the variable
(require-dialect func)
(defn main [] -> i64
  (func.return (loop {} [v (: 1 i64)] :while (<i v 100) :do (*i v 2))))
