;; expect: 0
(require-dialect func)
(defn main [(: n i64) (: texts !llvm.ptr)] -> i64 (func.return n))
