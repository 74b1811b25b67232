;; error: 7:28 'arith.constant' was not lowered to the LLVM dialect
;; error: 7:38 'arith.constant' was not lowered to the LLVM dialect
;; error: 7:16 'arith.addi' was not lowered to the LLVM dialect
(require-dialect func arith)
(compilation (target cpu (pass convert-func-to-llvm)))
(defn main [] -> i64
  (func.return (arith.addi (: 1 i64) (: 2 i64))))
