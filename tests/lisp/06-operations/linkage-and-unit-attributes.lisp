;; expect: 7 8 9
;; A linkage is a name, a number or the whole attribute; a unit attribute is true or left out.
(require-dialect func llvm)
(llvm.mlir.global {:sym_name "a" :linkage "internal" :global_type i32 :constant true}
  (region (llvm.return (: 7 i32))))
(llvm.mlir.global {:sym_name "b" :linkage 7 :global_type i32 :constant false}
  (region (llvm.return (: 8 i32))))
(llvm.mlir.global {:sym_name "c" :linkage "#llvm.linkage<internal>" :global_type i32}
  (region (llvm.return (: 9 i32))))
(defn main []
  (def a (ptr-load i32 (llvm.mlir.addressof {:global_name @a :result !llvm.ptr})))
  (def b (ptr-load i32 (llvm.mlir.addressof {:global_name @b :result !llvm.ptr})))
  (def c (ptr-load i32 (llvm.mlir.addressof {:global_name @c :result !llvm.ptr})))
  (println "%d %d %d" a b c)
  (func.return))
