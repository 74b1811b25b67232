;; expect: 30
;; compilation-cpu says what runs in front of the default pipeline; main's result is not printed.
(require-dialect func arith linalg memref)
(compilation-cpu
  (passes (pass canonicalize))
  (func-passes (pass convert-linalg-to-loops) (pass cse)))
(defn main [] -> i64
  (def m (memref.alloca {:result memref<4xi64>}))
  (linalg.fill (: 30 i64) m)
  (println "%ld" (memref.load m 3))
  (func.return (: 1 i64)))
