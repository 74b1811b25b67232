;; error: 5:16 undefined symbol: inside
(require-dialect func)
(defn main [] -> i64
  (when (: true i1) (def inside (: 1 i64)))
  (func.return inside))
