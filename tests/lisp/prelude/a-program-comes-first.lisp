;; expect: 42
;; A macro of a program with a name of the prelude is that of the program.
(require-dialect func)
(extern :value-ffi)
(defn inc [(: args !llvm.ptr)] -> !llvm.ptr (func.return `(: 42 i64)))
(defmacro inc)
(defn main [] -> i64 (func.return (inc (: 1 i64))))
