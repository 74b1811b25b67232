;; expect: 3
;; The program may have declared printf, with ... or without.
(require-dialect func)
(extern-fn printf (-> [!llvm.ptr] [i32]))
(defn main [] (println "%d" (: 3 i32)) (func.return))
