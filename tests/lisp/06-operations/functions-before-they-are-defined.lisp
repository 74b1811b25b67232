;; expect: 120
;; Functions are known everywhere, also to themselves.
(require-dialect func arith)
(defn main [] -> i64 (func.return (call i64 factorial (: 5 i64))))
(defn factorial [(: n i64)] -> i64
  (def r (if {:result i64} (<=i n 1) (: 1 i64) (*i n (call i64 factorial (-i n 1)))))
  (func.return r))
