;; expect: 8
;; It holds from its own end on, for the rest of the file.
(module
  (require-dialect arith func)
  (defn eight [] -> i64 (func.return (arith.addi (: 3 i64) (: 5 i64)))))
(defn main [] -> i64 (func.return (call i64 eight)))
