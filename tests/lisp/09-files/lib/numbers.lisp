(require-dialect func)
(defn ten [] -> i64 (func.return (: 10 i64)))
(defn twenty [] -> i64 (func.return (: 20 i64)))
(defn twice [(: n i64)] -> i64 (func.return (+i n n)))
