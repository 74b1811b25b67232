;; error: 8:45 undefined symbol: y
;; The place is that of the argument, as it was written.
(require-dialect func)
(extern :value-ffi)
(defn one-more [(: args !llvm.ptr)] -> !llvm.ptr
  (func.return `(+i ~@args (: 1 i64))))
(defmacro one-more)
(defn main [] -> i64 (func.return (one-more y)))
