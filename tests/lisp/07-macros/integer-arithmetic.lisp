;; expect: 9 5 14 3 -3 2
;; /i rounds toward zero; /ui sees no signs.
(require-dialect func)
(defn main []
  (def a (: 7 i64))
  (def b (: 2 i64))
  (println "%ld %ld %ld %ld %ld %ld" (+i a b) (-i a b) (*i a b) (/i a b) (/i (: -7 i64) b)
           (/ui (: -2 i64) (: 9223372036854775807 i64)))
  (func.return))
