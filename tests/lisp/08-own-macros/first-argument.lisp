;; expect: 8
;; A macro is a function from a list of forms to a form; here the value functions are declared.
(require-dialect func)
(extern :value-ffi)
(func.func {:sym_name "value_list_first" :function_type (-> [!llvm.ptr] [!llvm.ptr])
            :sym_visibility "private"} (region))
(func.func {:sym_name "ident" :function_type (-> [!llvm.ptr] [!llvm.ptr])}
  (do (block [(: args !llvm.ptr)]
    (func.return (func.call {:callee @value_list_first :result !llvm.ptr} args)))))
(defmacro ident)
(defn main [] -> i64 (func.return (ident (: 8 i64))))
