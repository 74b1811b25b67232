;; expect: 11 33 1 0
;; ptr-at counts elements, ptr-offset bytes.
(require-dialect func arith)
(extern-fn malloc (-> [i64] [!llvm.ptr]))
(extern-fn free (-> [!llvm.ptr] []))
(defn main []
  (def p (call !llvm.ptr malloc (: 24 i64)))
  (ptr-store! (: 11 i64) p)
  (ptr-store! (: 22 i64) (ptr-at i64 p (: 1 i64)))
  (ptr-store! (: 33 i64) (ptr-offset !llvm.ptr p 16))
  (def none (null-ptr))
  (println "%ld %ld %d %d" (ptr-load i64 p) (ptr-load i64 (ptr-at i64 p (: 2 i64)))
           (arith.extui {:result i32} (null? none)) (arith.extui {:result i32} (null? p)))
  (call! free p)
  (func.return))
