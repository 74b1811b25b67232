;; error: 4:43 unexpected character '#'
;; says: "#llvm.linkage<internal>"
(require-dialect llvm)
(llvm.mlir.global {:sym_name "g" :linkage #llvm.linkage<internal> :global_type i32})
