;; expect: 3 20
;; (: 3 i32) is an attribute of that type; dense<...> takes its type behind it.
(require-dialect func arith vector)
(defn main []
  (def a (arith.constant {:value (: 3 i32)}))
  (def v (arith.constant {:value (: dense<[10, 20]> vector<2xi32>) :result vector<2xi32>}))
  (println "%d %d" a (vector.extract {:position [1] :result i32} v))
  (func.return))
