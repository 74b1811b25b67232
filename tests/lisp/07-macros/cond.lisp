;; expect: 1 2 3
;; The first condition that holds decides.
(require-dialect func)
(defn sign [(: n i64)] -> i64
  (func.return (cond {:result i64} (<i n 0) (: 1 i64) (=i n 0) (: 2 i64) :else (: 3 i64))))
(defn main []
  (println "%ld %ld %ld" (call i64 sign (: -5 i64)) (call i64 sign (: 0 i64))
           (call i64 sign (: 5 i64)))
  (func.return))
