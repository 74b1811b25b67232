(require-dialect func)
(defn two [] -> i64 (func.return (: 2 i64)))
