;; error: 3:34 macro 'extern-fn': expected a type, got map {:sym_name "f"}
(require-dialect func)
(extern-fn f (-> [!llvm.ptr ...  {:sym_name "f"}] [i32]))
(defn main [] (func.return))
