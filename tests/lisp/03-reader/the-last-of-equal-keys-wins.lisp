;; expect: 2
(require-dialect arith func)
(defn main [] -> i32
  (func.return (arith.constant {:value (: 1 i32) :value (: 2 i32)})))
