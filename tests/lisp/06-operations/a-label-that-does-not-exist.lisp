;; error: 6:29 unknown block label ^fnish
;; says: ^finish
(require-dialect func cf)
(func.func {:sym_name "main" :function_type (-> [] [])}
  (region
    (block ^start [] (cf.br ^fnish))
    (block ^finish [] (func.return))))
