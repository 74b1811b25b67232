;; expect: 2 arguments
;; args: a b
;; says: warning: main returns complex<f64>; only results of
(require-dialect func complex)
(defn main [(: count i32) (: texts !llvm.ptr)] -> complex<f64>
  (println "%d arguments" count)
  (func.return (complex.create {:result complex<f64>} (: 1 f64) (: 2 f64))))
