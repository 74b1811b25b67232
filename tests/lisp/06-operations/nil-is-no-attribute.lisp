;; error: 3:59 nil cannot be an attribute
(require-dialect func arith)
(defn main [] -> i32 (func.return (arith.constant {:value nil :result i32})))
