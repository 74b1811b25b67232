;; error: 6:32 undefined symbol: a
;; error: 7:33 unknown operation 'arith.ad'
;; error: 8:35 undefined symbol: b
;; Independent mistakes are reported together.
(require-dialect func arith)
(defn f [] -> i64 (func.return a))
(defn g [] -> i64 (func.return (arith.ad (: 1 i64) (: 2 i64))))
(defn main [] -> i64 (func.return b))
