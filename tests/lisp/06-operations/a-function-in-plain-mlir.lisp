;; expect: 14
(require-dialect func arith)
(func.func {:sym_name "twice" :function_type (-> [i64] [i64])}
  (region (block [(: n i64)]
    (func.return (arith.addi n n)))))
(func.func {:sym_name "main" :function_type (-> [] [i64])}
  (region (func.return (func.call {:callee @twice :result i64} (: 7 i64)))))
