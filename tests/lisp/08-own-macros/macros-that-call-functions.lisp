;; expect: 6
;; Functions in front of the defmacro are there when it runs.
(require-dialect func arith)
(extern :value-ffi)
(defn double [(: form !llvm.ptr)] -> !llvm.ptr
  (func.return `(arith.addi ~form ~form)))
(defn twice [(: args !llvm.ptr)] -> !llvm.ptr
  (func.return (call !llvm.ptr double (call !llvm.ptr value_list_first args))))
(defmacro twice)
(defn main [] -> i64 (func.return (twice (: 3 i64))))
