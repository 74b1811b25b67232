;; expect: 3
;; Forms that are in no block make a first one.
(require-dialect func arith)
(func.func {:sym_name "main" :function_type (-> [] [i64])}
  (region
    (def a (: 1 i64))
    (func.return (arith.addi a (: 2 i64)))))
