;; expect: 2 hello 1 0
;; The running program may call them too.
(require-dialect func arith)
(extern :value-ffi)
(defn main []
  (def list (call !llvm.ptr value_list_new))
  (call! value_list_push list (call !llvm.ptr value_number_new (: 4.5 f64)))
  (call! value_list_push list (call !llvm.ptr value_symbol_new (c-string "hello")))
  (def second (call !llvm.ptr value_list_get list (: 1 i64)))
  (println "%ld %s %d %d" (call i64 value_list_len list) (call !llvm.ptr value_symbol_name second)
           (arith.extui {:result i32} (call i1 value_is_symbol second))
           (arith.extui {:result i32} (call i1 value_is_list second)))
  (func.return))
