;; expect: 4
(require-dialect func cf)
(func.func {:sym_name "main" :function_type (-> [] [i64])}
  (region
    (block [] (let [n (: 4 i64)] (cf.br ^end n)))
    (block ^end [(: n i64)] (func.return n))))
