;; expect: 3 of 3
;; expect: 5
(require-dialect func llvm arith)
(extern-fn labs (-> [i64] [i64]))
(extern-fn snprintf (-> [!llvm.ptr i64 !llvm.ptr ...] [i32]))
(extern-fn malloc (-> [i64] [!llvm.ptr]))
(defn main [] -> i64
  (def text (call !llvm.ptr malloc 16))
  (def written (vararg-call i32 snprintf (-> [!llvm.ptr i64 !llvm.ptr ...] [i32])
                 text (: 16 i64) (c-string "%d of %d") (: 3 i32) (: 3 i32)))
  (println "%s" text)
  (func.return (call i64 labs (arith.subi (: 0 i64) (arith.extsi {:result i64}
    (arith.subi written (: 1 i32)))))))
