;; expect: 3
;; Values for sibling blocks go along as arguments.
(require-dialect func cf)
(func.func {:sym_name "main" :function_type (-> [] [i64])}
  (region
    (block [] (cf.cond_br (: true i1) ^set (: 3 i64) ^end (: 4 i64)))
    (block ^set [(: v i64)] (cf.br ^end v))
    (block ^end [(: v i64)] (func.return v))))
