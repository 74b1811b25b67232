;; error: 3:48 the operands of '+' must have one type
(require-dialect func)
(defn main [] -> i64 (func.return (+ (: 1 i64) (: 2.0 f64))))
