;; error: 5:45 unknown function 'facotrial'
;; says: did you mean 'factorial'?
(require-dialect func)
(defn factorial [(: n i64)] -> i64 (func.return n))
(defn main [] -> i64 (func.return (call i64 facotrial (: 5 i64))))
