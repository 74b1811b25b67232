;; error: 4:24 unknown struct 'Pont'
(require-dialect func)
(defstruct Point [x i64])
(defn f [] (def p (new Pont)) (func.return))
