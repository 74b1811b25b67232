;; expect: -3 -1
(require-dialect func arith)
(defn main []
  (println "%ld %ld" (/i (: -7 i64) (: 2 i64)) (arith.remsi (: -7 i64) (: 2 i64)))
  (func.return))
