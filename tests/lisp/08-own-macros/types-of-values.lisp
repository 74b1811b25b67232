;; expect: list symbol string number keyword nil vector
(require-dialect func)
(extern :value-ffi)
(defn kind [(: v !llvm.ptr)] -> !llvm.ptr
  (func.return (cond {:result !llvm.ptr}
    (call i1 value_is_list v) (c-string "list")
    (call i1 value_is_symbol v) (c-string "symbol")
    (call i1 value_is_string v) (c-string "string")
    (call i1 value_is_number v) (c-string "number")
    (call i1 value_is_keyword v) (c-string "keyword")
    (call i1 value_is_vector v) (c-string "vector")
    :else (c-string "nil"))))
(defn main []
  (println "%s %s %s %s %s %s %s" (call !llvm.ptr kind `(a)) (call !llvm.ptr kind `a)
    (call !llvm.ptr kind `"a") (call !llvm.ptr kind `1) (call !llvm.ptr kind `:a)
    (call !llvm.ptr kind `nil) (call !llvm.ptr kind `[a]))
  (func.return))
