;; expect: 625
;; What a macro returns may use other macros.
(require-dialect func arith)
(extern :value-ffi)
(defn square [(: args !llvm.ptr)] -> !llvm.ptr
  (def x (call !llvm.ptr value_list_first args))
  (func.return `(let [it ~x] (*i it it))))
(defmacro square)
(defn main [] -> i64 (func.return (square (square (: 5 i64)))))
