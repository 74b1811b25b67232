;; error: 8:33 undefined symbol: v
;; A name of a block that can be passed by is not visible.
(require-dialect func cf)
(func.func {:sym_name "main" :function_type (-> [] [i64])}
  (region
    (block [] (cf.cond_br (: true i1) ^set ^end))
    (block ^set [] (def v (: 1 i64)) (cf.br ^end))
    (block ^end [] (func.return v))))
