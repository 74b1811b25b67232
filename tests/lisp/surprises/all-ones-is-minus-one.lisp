;; expect: -1
;; Integers have no sign until an operation gives them one.
(require-dialect func)
(defn main [] -> i32 (func.return (: 4294967295 i32)))
