;; error: 4:23 'scf.for' op different number of region iter_args and yielded values: 2 != 1
(require-dialect func arith)
(defn main [] -> i64
  (def [x y]          (for {:result [i64 i64]} [i 0 4] [a 0 b 1] [b]))
  (func.return x))
