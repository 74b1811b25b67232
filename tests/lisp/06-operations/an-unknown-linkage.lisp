;; error: 3:43 unknown linkage 'privat'
(require-dialect llvm func)
(llvm.mlir.global {:sym_name "g" :linkage "privat" :global_type i32})
(defn main [] (func.return))
