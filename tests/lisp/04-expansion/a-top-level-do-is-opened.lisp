;; expect: 11
(require-dialect func)
(do
  (defn five [] -> i64 (func.return (: 5 i64)))
  (do (defn six [] -> i64 (func.return (: 6 i64)))))
(defn main [] -> i64 (func.return (+i (call i64 five) (call i64 six))))
