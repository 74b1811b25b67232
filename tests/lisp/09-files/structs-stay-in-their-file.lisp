;; error: 4:36 unknown operation or macro 'Pair/a'
(require ["lib/pair.lisp" :as p])
(require-dialect func)
(defn main [] -> i64 (func.return (Pair/a (call !llvm.ptr p/make))))
