;; error: 4:36 expected symbol
;; (:x i32) starts with a keyword; a typed value needs the blank: (: x i32).
(require-dialect func)
(defn main [] -> i64 (func.return (:x i64)))
