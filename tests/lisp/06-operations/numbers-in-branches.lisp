;; expect: 3
;; A bare number for a successor has the type of the block's argument.
(require-dialect func cf arith)
(func.func {:sym_name "main" :function_type (-> [] [i32])}
  (region
    (block [] (cf.cond_br (: 1 i1) ^end 3 ^end 4))
    (block ^end [(: x i32)] (func.return x))))
