(require-dialect func)
(extern :value-ffi)
(defn helper [(: x !llvm.ptr)] -> !llvm.ptr
  (func.return `(let [it ~x] (+i it (+i it it)))))
(defn thrice [(: args !llvm.ptr)] -> !llvm.ptr
  (func.return (call !llvm.ptr helper (call !llvm.ptr value_list_first args))))
(defmacro thrice)
