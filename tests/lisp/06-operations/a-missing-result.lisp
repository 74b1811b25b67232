;; error: 4:27 'llvm.load' op requires one result
;; says: say its type: :result T
(require-dialect func llvm)
(defn f [(: p !llvm.ptr)] (llvm.load p) (func.return))
(defn main [] (func.return))
