;; expect: 5
;; call of a function that was declared with ... is a vararg call.
(require-dialect func llvm)
(extern-fn printf (-> [!llvm.ptr ...] [i32]))
(llvm.mlir.global {:sym_name "text" :linkage "internal" :constant true
                   :global_type !llvm.array<4 x i8>}
  (region (block []
    (def v (llvm.mlir.constant {:value "%d\n\0" :result !llvm.array<4 x i8>}))
    (llvm.return v))))
(defn main []
  (def text (llvm.mlir.addressof {:global_name @text :result !llvm.ptr}))
  (def n (call i32 printf text (: 5 i32)))
  (func.return))
