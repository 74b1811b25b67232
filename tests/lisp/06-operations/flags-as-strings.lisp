;; expect: 1.5 7
(require-dialect func arith llvm)
(defn main []
  (def x (arith.addf {:fastmath "fast"} (: 1 f64) (: 0.5 f64)))
  (def n (arith.addi {:overflowFlags "nsw"} (: 3 i64) (: 4 i64)))
  (def less (llvm.fcmp {:predicate "olt"} x (: 2 f64)))
  (when less (println "%g %ld" x n))
  (func.return))
