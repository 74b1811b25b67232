(require-dialect func)
(defstruct Pair [a i64] [b i64])
(defn make [] -> !llvm.ptr (func.return (new Pair)))
