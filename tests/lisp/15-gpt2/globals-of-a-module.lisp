;; expect: 50256
;; A global of one (module ...) used by a function outside it.
(require-dialect func llvm)
(module
  (llvm.mlir.global {:sym_name "last" :linkage "internal" :global_type i32}
    (region (block []
      (def v (llvm.mlir.constant {:value 50256 :result i32}))
      (llvm.return v)))))
(defn main [] -> i32
  (func.return (llvm.load {:result i32} (llvm.mlir.addressof {:global_name @last :result !llvm.ptr}))))
