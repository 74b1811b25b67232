;; expect: s -4 t 3
;; Symbols, strings, keywords, maps, vectors and numbers are built as they are written.
(require-dialect func arith)
(extern :value-ffi)
(defn build [(: args !llvm.ptr)] -> !llvm.ptr
  (def x (call !llvm.ptr value_list_first args))
  (func.return
    `(let [tag (: 3 i64)]
       (println "s %ld %s %ld" (if {:result i64} (arith.cmpi {:predicate "slt"} ~x 0) ~x (: 0 i64))
                (c-string "t") tag))))
(defmacro build)
(defn main []
  (build (: -4 i64))
  (func.return))
