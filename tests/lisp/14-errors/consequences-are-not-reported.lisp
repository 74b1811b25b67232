;; error: 5:11 unknown operation or macro 'nope'
;; The names that depend on a mistake are not mistakes.
(require-dialect func arith)
(defn main [] -> i64
  (def a (nope))
  (def b (arith.addi a a))
  (func.return (arith.addi b a)))
