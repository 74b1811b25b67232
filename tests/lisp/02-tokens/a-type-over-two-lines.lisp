;; expect: 8
;; The type goes on to its closing bracket, over the end of the line and with ! inside.
(require-dialect func llvm arith)
(llvm.mlir.global {:sym_name "table" :linkage "internal"
                   :global_type !llvm.array<2 x
                                            !llvm.ptr>})
(defn main [] -> i64 (func.return (: 8 i64)))
