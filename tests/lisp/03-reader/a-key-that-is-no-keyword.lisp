;; error: 3:13 map key must be a keyword
(require-dialect func)
(func.func {sym_name "f"})
