;; error: 4:16 macro 'while': expected a name and a start for each type of :result
(require-dialect func arith)
(defn main [] -> i64
  (func.return (while {:result [i64 i64]} [a 0 b] (< a 3) [(inc a) b])))
