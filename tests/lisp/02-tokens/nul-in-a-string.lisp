;; expect: 1 3
;; \0 is one NUL: C sees the string end there, and what follows is kept.
(require-dialect func llvm)
(llvm.mlir.global {:sym_name "s" :linkage "internal" :constant true
                   :global_type !llvm.array<4 x i8>}
  (region (block []
    (def v (llvm.mlir.constant {:value "a\003" :result !llvm.array<4 x i8>}))
    (llvm.return v))))
(extern-fn strlen (-> [!llvm.ptr] [i64]))
(defn main []
  (def s (llvm.mlir.addressof {:global_name @s :result !llvm.ptr}))
  (def last (ptr-load i8 (ptr-offset !llvm.ptr s 3)))
  (println "%ld %c" (call i64 strlen s) (llvm.sext {:result i32} last))
  (func.return))
