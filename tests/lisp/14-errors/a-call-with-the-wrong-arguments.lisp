;; error: 4:35 'func.call' op
(require-dialect func)
(defn f [(: n i64)] -> i64 (func.return n))
(defn main [] -> i64 (func.return (call i64 f)))
