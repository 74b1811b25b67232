;; check: needs a GPU to run
;; One name takes the first result; enums as strings or written out.
(require-dialect func gpu arith)
(gpu.module {:sym_name "kernels"}
  (region (block []
    (gpu.func {:sym_name "reduce" :function_type (-> [f32] [])}
      (region (block [(: x f32)]
        (def lane (gpu.thread_id {:dimension "x"}))
        (def other (gpu.shuffle {:mode "#gpu<shuffle_mode xor>"} x (: 1 i32) (: 32 i32)))
        (def sum (arith.addf x other))
        (def [more valid] (gpu.shuffle {:mode "xor"} sum (: 2 i32) (: 32 i32)))
        (gpu.return)))))))
(defn main [] (func.return))
