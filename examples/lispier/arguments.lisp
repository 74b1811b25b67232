;; The program's arguments, and functions of C on them.

(require-dialect arith func)

(extern-fn strlen (-> [!llvm.ptr] [i64]))
(extern-fn atof (-> [!llvm.ptr] [f64]))

(defn main [(: count i32) (: texts !llvm.ptr)] -> f64
  (func.return
    (for {:result f64} [i 0 (arith.index_cast {:result index} count)] [sum 0.0]
      (def text (ptr-load !llvm.ptr (ptr-at !llvm.ptr texts (arith.index_cast {:result i64} i))))
      (println "%s has %ld characters" text (call i64 strlen text))
      (+ sum (call f64 atof text)))))
