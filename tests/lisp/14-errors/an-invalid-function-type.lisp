;; error: 3:42 invalid function type
(require-dialect func)
(func.func {:sym_name "f" :function_type (-> [i64])})
