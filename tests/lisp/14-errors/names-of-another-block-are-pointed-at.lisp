;; error: 8:30 undefined symbol: z
;; says: pass it on as a block argument
(require-dialect func cf arith)
(func.func {:sym_name "main" :function_type (-> [] [])}
  (region
    (block [] (cf.cond_br (: 1 i1) ^a ^b))
    (block ^a [] (def z (: 1 i32)) (cf.br ^b))
    (block ^b [] (arith.addi z z) (func.return))))
