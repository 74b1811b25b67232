;; expect: 42 7 2.5
;; A number takes the type that the operation's result has.
(require-dialect func arith index llvm)
(defn main []
  (def a (arith.constant {:value 42 :result i32}))
  (def b (arith.index_cast {:result i64} (index.constant {:value 7})))
  (def c (arith.constant {:value 2.5 :result f64}))
  (println "%d %ld %g" a b c)
  (func.return))
