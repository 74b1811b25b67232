;; error: 5:22 block ^end takes 1 arguments, got 0
(require-dialect func cf)
(func.func {:sym_name "main" :function_type (-> [] [i64])}
  (region
    (block [] (cf.br ^end))
    (block ^end [(: n i64)] (func.return n))))
