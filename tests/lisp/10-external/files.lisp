;; expect: 4 bytes: abc
;; Write a file, read it back.
(require-dialect func llvm arith)
(link-library :c)
(extern-fn tmpfile (-> [] [!llvm.ptr]))
(extern-fn fwrite (-> [!llvm.ptr i64 i64 !llvm.ptr] [i64]))
(extern-fn fread (-> [!llvm.ptr i64 i64 !llvm.ptr] [i64]))
(extern-fn fseek (-> [!llvm.ptr i64 i32] [i32]))
(extern-fn fclose (-> [!llvm.ptr] [i32]))
(extern-fn malloc (-> [i64] [!llvm.ptr]))
(llvm.mlir.global {:sym_name "abc" :linkage "internal" :constant true
                   :global_type !llvm.array<4 x i8>}
  (region (block []
    (def v (llvm.mlir.constant {:value "abc\0" :result !llvm.array<4 x i8>}))
    (llvm.return v))))
(defn main []
  (def file (call !llvm.ptr tmpfile))
  (def text (llvm.mlir.addressof {:global_name @abc :result !llvm.ptr}))
  (def n (call i64 fwrite text (: 1 i64) (: 4 i64) file))
  (call i32 fseek file (: 0 i64) (: 0 i32))
  (def back (call !llvm.ptr malloc (: 4 i64)))
  (def m (call i64 fread back (: 1 i64) n file))
  (call i32 fclose file)
  (println "%ld bytes: %s" m back)
  (func.return))
