;; error: 6:35 maximum macro expansion depth exceeded
(require-dialect func)
(extern :value-ffi)
(defn again [(: args !llvm.ptr)] -> !llvm.ptr (func.return `(again ~@args)))
(defmacro again)
(defn main [] -> i64 (func.return (again 1)))
