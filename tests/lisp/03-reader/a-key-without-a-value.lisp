;; error: 3:27 map is missing the value of :function_type
(require-dialect func)
(func.func {:sym_name "f" :function_type})
