;; expect: 0 1 1 1 0 3
;; The value functions in a running program.
(require-dialect func arith)
(extern :value-ffi)
(defn main []
  (def list (call !llvm.ptr value_list_new))
  (call! value_list_push list (call !llvm.ptr value_nil_new))
  (call! value_list_push list (call !llvm.ptr value_keyword_new (c-string ":key")))
  (def copy (call !llvm.ptr value_clone list))
  (call! value_list_push list (call !llvm.ptr value_number_new 3))
  (def first (call !llvm.ptr value_list_get list 0))
  (print "%d %d %d %d %d " (call i1 value_is_nil list) (call i1 value_is_nil first)
    (call i1 value_is_keyword (call !llvm.ptr value_list_get copy 1))
    (null? (call !llvm.ptr value_list_get copy 2))
    (null? (call !llvm.ptr value_list_get list 2)))
  (println "%.0f" (call f64 value_number_get (call !llvm.ptr value_list_get list 2)))
  (call! value_free copy)
  (call! value_free list)
  (func.return))
