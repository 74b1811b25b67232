;; error: 6:5 block label ^a is used twice
(require-dialect func cf)
(func.func {:sym_name "main" :function_type (-> [] [])}
  (region
    (block ^a [] (cf.br ^a))
    (block ^a [] (func.return))))
