;; expect: 3
(require-dialect func)
(compilation-gpu rocm (passes (pass canonicalize)))
(compilation-cpu (passes (pass cse)))
(defn main [] (println "%ld" (: 3 i64)) (func.return))
