;; error: 4:35 undefined symbol: n
(require-dialect func)
(defn other [] (def n (: 1 i64)) (func.return))
(defn main [] -> i64 (func.return n))
