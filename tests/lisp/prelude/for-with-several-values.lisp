;; expect: 55 10
;; expect: 42
;; The last form of the body is a vector with the next value of each.
(require-dialect func arith)
(defn main [] -> i64
  (def [fibonacci next] (for {:result [i64 i64]} [i 0 10] [a 0 b 1]
    (def sum (+ a b))
    [b sum]))
  (def [steps half] (for {:result [i32 f32]} [i 0 20 2] [n 0 x 1024] [(inc n) (/ x 2)]))
  (print "%ld %d\n" fibonacci steps)
  (func.return (+ next -47)))
