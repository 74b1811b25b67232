;; error: 5:16 'scf.if' op
;; says: :5:46: note
(require-dialect func)
(defn main [] -> i64
  (func.return (if {:result i64} (: true i1) (: 1 i32) (: 2 i64))))
