;; error: 3:11 no func.func found with name 'later'
(require-dialect func)
(defmacro later)
(defn later [(: args !llvm.ptr)] -> !llvm.ptr (func.return args))
(defn main [] (func.return))
