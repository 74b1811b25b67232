;; expect: 9
(require-dialect func)
(defn square [(: n i64)] -> i64 (func.return (*i n n)))
(defn main [] -> i64 (func.return (call i64 square (: 3 i64))))
