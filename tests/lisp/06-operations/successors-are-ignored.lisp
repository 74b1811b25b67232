;; expect: 7
;; The labels among the operands say the same as the old key.
(require-dialect func cf)
(func.func {:sym_name "main" :function_type (-> [] [i64])}
  (region
    (block [] (cf.br {:successors [^end]} ^end (: 7 i64)))
    (block ^end [(: x i64)] (func.return x))))
