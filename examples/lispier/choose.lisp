(require-dialect func)
(defn f [(: c i1)] -> i64
  (func.return (if {:result i64} c 1 2)))
