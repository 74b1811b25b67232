;; expect: printed
;; says: warning
;; A result that is no number is not printed, and said so.
(require-dialect func)
(defn main [] -> !llvm.ptr (println "printed") (func.return (null-ptr)))
