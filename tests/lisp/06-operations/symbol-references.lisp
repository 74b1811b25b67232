;; expect: 30
;; @name as a symbol, as a string, and the callee as a first string.
(require-dialect func arith)
(defn ten [] -> i64 (func.return (: 10 i64)))
(defn main [] -> i64
  (def a (func.call {:callee @ten :result i64}))
  (def b (func.call {:callee "@ten" :result i64}))
  (def c (func.call {:result i64} "ten"))
  (func.return (arith.addi a (arith.addi b c))))
