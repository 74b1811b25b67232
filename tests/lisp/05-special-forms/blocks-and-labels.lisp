;; expect: 55
;; A loop by branches. Labels are known before they are defined.
(require-dialect func cf arith)
(func.func {:sym_name "main" :function_type (-> [] [i64])}
  (region
    (block [] (cf.br ^test (: 1 i64) (: 0 i64)))
    (block ^test [(: i i64) (: sum i64)]
      (cf.cond_br (<=i i 10) ^more i sum ^done sum))
    (block ^more [(: i i64) (: sum i64)]
      (cf.br ^test (+i i 1) (+i sum i)))
    (block ^done [(: sum i64)]
      (func.return sum))))
