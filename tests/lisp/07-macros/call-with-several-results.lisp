;; expect: 3 1
(require-dialect func arith)
(func.func {:sym_name "divide" :function_type (-> [i64 i64] [i64 i64])}
  (region (block [(: a i64) (: b i64)]
    (func.return (arith.divsi a b) (arith.remsi a b)))))
(defn main []
  (def [q r] (call [i64 i64] divide (: 10 i64) (: 3 i64)))
  (println "%ld %ld" q r)
  (func.return))
