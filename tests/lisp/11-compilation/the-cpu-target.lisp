;; expect: 12
;; A complete pipeline of its own; main's result is not printed.
(require-dialect func scf arith)
(compilation
  (target cuda (pass nvvm-attach-target))
  (target cpu
    (pass convert-scf-to-cf)
    (pass convert-arith-to-llvm)
    (pass convert-func-to-llvm)
    (pass convert-cf-to-llvm)
    (pass finalize-memref-to-llvm)
    (pass reconcile-unrealized-casts)))
(defn main [] -> i64
  (def n (: 3 i64))
  (when (>i n 2) (println "%ld" (*i n 4)))
  (func.return n))
