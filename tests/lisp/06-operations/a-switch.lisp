;; expect: 10 20 30
;; An operation with a region for each case.
(require-dialect func scf)
(defn pick [(: i index)] -> i64
  (func.return
    (scf.index_switch {:cases array<i64: 0, 5> :result i64} i
      (region (block [] (scf.yield (: 30 i64))))
      (region (block [] (scf.yield (: 10 i64))))
      (region (block [] (scf.yield (: 20 i64)))))))
(defn main []
  (println "%ld %ld %ld" (call i64 pick 0) (call i64 pick 5) (call i64 pick 7))
  (func.return))
