;; error: 3:46 unknown predicate 'less' of arith.cmpi
(require-dialect func arith)
(defn main [] (def c (arith.cmpi {:predicate "less"} (: 1 i64) (: 2 i64))) (func.return))
