;; expect: 9
;; A null pointer to begin with, set while the program runs.
(require-dialect func llvm)
(extern-fn malloc (-> [i64] [!llvm.ptr]))
(llvm.mlir.global {:sym_name "weights" :linkage "internal" :global_type !llvm.ptr}
  (region (block []
    (def none (llvm.mlir.zero {:result !llvm.ptr}))
    (llvm.return none))))
(defn main [] -> i64
  (def place (llvm.mlir.addressof {:global_name @weights :result !llvm.ptr}))
  (when (null? (ptr-load !llvm.ptr place))
    (ptr-store! (call !llvm.ptr malloc (: 8 i64)) place))
  (ptr-store! (: 9 i64) (ptr-load !llvm.ptr place))
  (func.return (ptr-load i64 (ptr-load !llvm.ptr place))))
