;; expect: 3 and 4
(require-dialect func llvm)
(extern-fn printf (-> [!llvm.ptr ...] [i32]))
(llvm.mlir.global {:sym_name "text" :linkage "internal" :constant true
                   :global_type !llvm.array<11 x i8>}
  (region (block []
    (def v (llvm.mlir.constant {:value "%d and %d\n\0" :result !llvm.array<11 x i8>}))
    (llvm.return v))))
(defn main []
  (def text (llvm.mlir.addressof {:global_name @text :result !llvm.ptr}))
  (vararg-call i32 printf (-> [!llvm.ptr ...] [i32]) text (: 3 i32) (: 4 i32))
  (func.return))
