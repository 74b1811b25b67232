;; expect: 1 2
;; A made-up name cannot catch a name of the program.
(require-dialect func)
(extern :value-ffi)
(defn swapped [(: args !llvm.ptr)] -> !llvm.ptr
  (def a (call !llvm.ptr value_list_get args (: 0 i64)))
  (def b (call !llvm.ptr value_list_get args (: 1 i64)))
  (def t (call !llvm.ptr value_gensym_prefix (c-string "t")))
  (func.return `(let [~t ~b] (println "%ld %ld" ~t ~a))))
(defmacro swapped)
(defn main []
  (def t (: 2 i64))
  (swapped t (: 1 i64))
  (func.return))
