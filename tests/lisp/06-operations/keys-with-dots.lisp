;; expect: 1
(require-dialect func)
(func.func {:sym_name "main" :function_type (-> [] [i64]) :llvm.emit_c_interface true}
  (region (func.return (: 1 i64))))
