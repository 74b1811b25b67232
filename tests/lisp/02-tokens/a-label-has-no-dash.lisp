;; error: 6:22 unknown block label ^next
;; ^next-block is the label ^next and the name -block.
(require-dialect func cf arith)
(func.func {:sym_name "main" :function_type (-> [] [])}
  (region
    (block [] (cf.br ^next-block))
    (block ^next_block [] (func.return))))
