;; error: 4:48 unknown operation or macro 'Point/z'
(require-dialect func)
(defstruct Point [x i64])
(defn f [(: p !llvm.ptr)] -> i64 (func.return (Point/z p)))
