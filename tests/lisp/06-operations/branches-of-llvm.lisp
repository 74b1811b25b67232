;; expect: 10
;; llvm.br and llvm.cond_br take labels like those of cf.
(require-dialect func llvm)
(llvm.func {:sym_name "count" :function_type (-> [i64] [i64])}
  (region
    (block [(: n i64)]
      (llvm.br ^next (llvm.mlir.constant {:value 0 :result i64})))
    (block ^next [(: i i64)]
      (def more (llvm.icmp {:predicate "slt"} i n))
      (llvm.cond_br more ^body ^done i))
    (block ^body
      (llvm.br ^next (llvm.add i (llvm.mlir.constant {:value 2 :result i64}))))
    (block ^done [(: last i64)]
      (llvm.return last))))
(defn main [] -> i64 (func.return (llvm.call {:callee @count :result i64} (: 9 i64))))
