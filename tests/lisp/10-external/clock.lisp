;; expect: 1
;; clock_ms counts milliseconds.
(require-dialect func arith)
(extern-fn clock_ms (-> [] [i64]))
(defn main [] -> i32
  (def a (call i64 clock_ms))
  (def b (call i64 clock_ms))
  (func.return (arith.extui {:result i32} (and (>i a 0) (>=i b a) (<i (-i b a) 60000)))))
