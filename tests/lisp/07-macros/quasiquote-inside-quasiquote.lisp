;; expect: 42
;; A macro that defines a macro by a template in a template. The outer one fills in ~~by; what it
;; puts there is unquoted by the inner one.
(require-dialect func arith)
(defn define-adder [(: args !llvm.ptr)] -> !llvm.ptr
  (def name (call !llvm.ptr value_list_first args))
  (def by (call !llvm.ptr value_list_get args 1))
  (func.return
    `(do
       (defn ~name [(: args !llvm.ptr)] -> !llvm.ptr
         (def x (call !llvm.ptr value_list_first args))
         (func.return `(arith.addi ~x ~~by)))
       (defmacro ~name))))
(defmacro define-adder)
(define-adder plus-two (call !llvm.ptr value_read (c-string "(: 2 i64)")))
(defn main [] -> i64 (func.return (plus-two (: 40 i64))))
