;; expect: 2 3 1.5
(require-dialect func arith)
(extern-fn calloc (-> [i64 i64] [!llvm.ptr]))
(defn main []
  (def p (call !llvm.ptr calloc (: 8 i64) (: 4 i64)))
  (ptr-store! (: 2 i8) (ptr-at i8 p (: 1 i32)))
  (ptr-store! (: 3 i32) (ptr-at i32 p (: 2 i64)))
  (ptr-store! (: 1.5 f32) (ptr-at f32 p (: 3 i64)))
  (println "%d %d %g" (arith.extui {:result i32} (ptr-load i8 (ptr-offset !llvm.ptr p (: 1 i64))))
           (ptr-load i32 (ptr-offset !llvm.ptr p 8))
           (arith.extf {:result f64} (ptr-load f32 (ptr-at f32 p (: 3 i64)))))
  (func.return))
