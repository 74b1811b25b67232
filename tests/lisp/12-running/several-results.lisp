;; expect: ran
;; says: warning: main returns
(require-dialect func)
(func.func {:sym_name "main" :function_type (-> [] [i64 vector<4xi32>])}
  (region (block []
    (println "ran")
    (func.return (: 1 i64) (: 2 vector<4xi32>)))))
