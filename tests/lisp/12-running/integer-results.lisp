;; expect: -5
(require-dialect func)
(defn main [] -> i32 (func.return (: -5 i32)))
