;; expect: 7, 7, 7
;; Equal strings share a global; forms may be arguments.
(require-dialect func)
(defn main []
  (def n (: 7 i64))
  (print-i64 n) (print ", ") (print-i64 (+i n 0)) (print ", ") (print-i64 n) (println)
  (func.return))
