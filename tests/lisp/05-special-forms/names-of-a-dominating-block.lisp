;; expect: 42
;; A name of a block that every path passes first is visible.
(require-dialect func cf)
(func.func {:sym_name "main" :function_type (-> [] [i64])}
  (region
    (block [] (def answer (: 42 i64)) (cf.br ^end))
    (block ^end [] (func.return answer))))
