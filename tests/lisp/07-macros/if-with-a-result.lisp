;; expect: 40 2
;; Branches may be a do or a let: their last form is the value.
(require-dialect func)
(defn main []
  (def n (: 4 i64))
  (def a (if {:result i64} (=i n 4) (do (def m (*i n 2)) (*i m 5)) (: 0 i64)))
  (def b (if {:result i64} (=i n 5) (: 0 i64) (let [h (: 8 i64) q (/i h n)] q)))
  (println "%ld %ld" a b)
  (func.return))
