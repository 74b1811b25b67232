;; expect: int 1, long 2, double 2.500000, text hi, 100%
;; It is C's printf.
(require-dialect func llvm)
(llvm.mlir.global {:sym_name "hi" :linkage "internal" :constant true
                   :global_type !llvm.array<3 x i8>}
  (region (block []
    (def v (llvm.mlir.constant {:value "hi\0" :result !llvm.array<3 x i8>}))
    (llvm.return v))))
(defn main []
  (def hi (llvm.mlir.addressof {:global_name @hi :result !llvm.ptr}))
  (print "int %d, long %ld, double %f, text %s, 100%%\n" (: 1 i32) (: 2 i64) (: 2.5 f64) hi)
  (func.return))
