;; The name m is not defined.
(require-dialect func)
(defn f [] -> i64 (func.return (+i m (: 1 i64))))
