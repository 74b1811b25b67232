;; expect: 21
;; expect: 5
;; The value is what the names stood for when the condition became false.
(require-dialect func arith)
(defn gcd [(: m i64) (: n i64)] -> i64
  (def [divisor rest] (while {:result [i64 i64]} [a m b n] (!= b 0)
    [b (arith.remsi a b)]))
  (func.return divisor))
(defn main [] -> i64
  (print "%ld\n" (call i64 gcd 1071 462))
  (func.return (while {:result i64} [power 1] (< (* power 20) 100)
    (def next (inc power))
    next)))
