;; expect: ran
;; says: warning: main returns vector<64xf32>; only results of i32, i64, f32, f64 are printed
(require-dialect func)
(defn main [] -> vector<64xf32>
  (println "ran")
  (func.return (: 1 vector<64xf32>)))
