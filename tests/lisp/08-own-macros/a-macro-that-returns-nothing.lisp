;; error: 6:35 JIT macro 'nothing' returned null
(require-dialect func)
(extern :value-ffi)
(defn nothing [(: args !llvm.ptr)] -> !llvm.ptr (func.return (null-ptr)))
(defmacro nothing)
(defn main [] -> i64 (func.return (nothing 1)))
