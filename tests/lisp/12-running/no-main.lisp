;; error: - main
(require-dialect func)
(defn helper [] -> i64 (func.return (: 1 i64)))
