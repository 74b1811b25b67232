;; error: 5:41 list (+ 1 1) cannot be an attribute
;; A macro call in an attribute map is not expanded.
(require-dialect func arith)
(defn main [] -> i64
  (func.return (arith.constant {:value  (+ 1 1) :result i64})))
