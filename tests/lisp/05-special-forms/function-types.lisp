;; expect: 3
;; No results, one, several, as symbols or strings.
(require-dialect func)
(func.func {:sym_name "nothing" :function_type (-> ["memref<4xf32>"] [])}
  (region (block [(: m "memref<4xf32>")] (func.return))))
(func.func {:sym_name "pair" :function_type (-> [] [i64 f64])}
  (region (func.return (: 3 i64) (: 0.5 f64))))
(defn main [] -> i64
  (def [n x] (call [i64 f64] pair))
  (func.return n))
