;; expect: 3
;; Functions are called by call, so they are not in the way of macros.
(require-dialect func)
(defn not [(: n i64)] -> i64 (func.return (*i n 3)))
(defn main [] -> i64 (func.return (call i64 not (: 1 i64))))
