;; expect: text
;; expect: AB
(require-dialect func llvm)
(link-library :libc)
(extern-fn puts (-> [!llvm.ptr] [i32]))
(extern-fn putchar (-> [i32] [i32]))
(llvm.mlir.global {:sym_name "text" :linkage "internal" :constant true
                   :global_type !llvm.array<5 x i8>}
  (region (block []
    (def v (llvm.mlir.constant {:value "text\0" :result !llvm.array<5 x i8>}))
    (llvm.return v))))
(defn main []
  (call i32 puts (llvm.mlir.addressof {:global_name @text :result !llvm.ptr}))
  (call i32 putchar (: 65 i32)) (call i32 putchar (: 66 i32)) (call i32 putchar (: 10 i32))
  (func.return))
