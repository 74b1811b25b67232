;; expect: 3: one two 3
;; args: one two 3
;; The program's name is not counted; the array ends in a null pointer.
(require-dialect func arith)
(defn main [(: n i32) (: texts !llvm.ptr)]
  (print "%d:" n)
  (print " %s" (ptr-load !llvm.ptr texts))
  (print " %s" (ptr-load !llvm.ptr (ptr-at !llvm.ptr texts (: 1 i64))))
  (print " %s" (ptr-load !llvm.ptr (ptr-at !llvm.ptr texts (: 2 i64))))
  (when (null? (ptr-load !llvm.ptr (ptr-at !llvm.ptr texts (: 3 i64)))) (println))
  (func.return))
