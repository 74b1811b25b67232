;; expect: 4
(module
  (require-dialect func)
  (extern :value-ffi)
  (defn double [(: args !llvm.ptr)] -> !llvm.ptr
    (func.return `(let [d ~@args] (+i d d))))
  (defmacro double)
  (defn main [] -> i64 (func.return (double (: 2 i64)))))
