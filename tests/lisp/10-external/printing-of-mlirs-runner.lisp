;; expect: 5
;; expect: 1.5
(require-dialect func)
(extern-fn printI64 (-> [i64] []))
(extern-fn printF32 (-> [f32] []))
(extern-fn printNewline (-> [] []))
(defn main []
  (call! printI64 (: 5 i64)) (call! printNewline)
  (call! printF32 (: 1.5 f32)) (call! printNewline)
  (func.return))
