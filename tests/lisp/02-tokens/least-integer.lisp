;; expect: -9223372036854775808
(require-dialect func)
(defn main [] -> i64 (func.return (: -9223372036854775808 i64)))
