;; expect: 7
;; It returns (do (func.func ...) (defmacro ...)). In a quasiquote within a quasiquote, the first ~
;; belongs to the inner one, and a ~ inside of it to the outer one.
(require-dialect func arith)
(extern :value-ffi)
(defn define-constant [(: args !llvm.ptr)] -> !llvm.ptr
  (def name (call !llvm.ptr value_list_get args (: 0 i64)))
  (def value (call !llvm.ptr value_list_get args (: 1 i64)))
  (func.return
    `(do
       (defn ~name [(: args !llvm.ptr)] -> !llvm.ptr
         (func.return `(: ~(call !llvm.ptr value_number_new ~value) i64)))
       (defmacro ~name))))
(defmacro define-constant)
(define-constant seven (: 7 f64))
(defn main [] -> i64 (func.return (seven)))
