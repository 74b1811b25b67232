;; error: 3:61 macro 'ptr-offset': expected a number
(require-dialect func)
(defn f [(: p !llvm.ptr) (: n i64)] (ptr-offset !llvm.ptr p n) (func.return))
