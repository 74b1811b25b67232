;; error: 4:16 macro 'cond': expected :else
(require-dialect func)
(defn main [] -> i64
  (func.return (cond {:result i64} (: true i1) (: 1 i64))))
