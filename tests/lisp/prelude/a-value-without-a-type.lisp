;; error: 4:16 macro 'for': expected a name and a start for each type of :result
(require-dialect func arith)
(defn main [] -> i64
  (func.return (for {:result i64} [i 0 4] [a 0 b 1] [b a])))
