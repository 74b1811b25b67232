;; error: 9:35 undefined symbol: nobody
;; says: :6:
;; Both places are told: the call, and the macro.
(require-dialect func)
(extern :value-ffi)
(defn wrong [(: args !llvm.ptr)] -> !llvm.ptr
  (func.return `(+i nobody (: 1 i64))))
(defmacro wrong)
(defn main [] -> i64 (func.return (wrong)))
