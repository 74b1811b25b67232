;; expect: 3
;; status: 0
(require-dialect func)
(defn main [] -> i32 (func.return (: 3 i32)))
