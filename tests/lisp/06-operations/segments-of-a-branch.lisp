;; expect: 20
;; Those of cond_br follow from the labels, written or not.
(require-dialect func cf arith)
(func.func {:sym_name "choose" :function_type (-> [i1] [i64])}
  (region
    (block [(: c i1)]
      (def ten (: 10 i64))
      (cf.cond_br {:operandSegmentSizes array<i32: 1, 1, 1>} c ^a ten ^b ten))
    (block ^a [(: x i64)] (func.return (arith.addi x x)))
    (block ^b [(: x i64)] (func.return x))))
(defn main [] -> i64 (func.return (call i64 choose (: true i1))))
