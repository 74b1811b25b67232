;; expect: 5
;; No module is made inside the module: functions of both groups see each other.
(require-dialect func)
(module (defn two [] -> i64 (func.return (: 2 i64))))
(module
  (require-dialect arith)
  (defn main [] -> i64 (func.return (arith.addi (call i64 two) (: 3 i64)))))
