;; error: 10:41 'arith.addi' was not lowered to the LLVM dialect
;; says: in the expansion of macro 'twice', written here
;; says: :7:7: note
;; The macro made what the program's own passes do not lower; both places are told.
(require-dialect func arith)
(compilation (target cpu (pass convert-func-to-llvm)))
(defn twice [(: args !llvm.ptr)] -> !llvm.ptr
  (func.return (let [x (call !llvm.ptr value_list_first args)] `(arith.addi ~x ~x))))
(defmacro twice)
(defn f [(: n i64)] -> i64 (func.return (twice n)))
(defn main [] (func.return))
