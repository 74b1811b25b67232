;; expect: 7
;; An alias stands in front of a slash; the dialect's own name still works.
(require-dialect [arith :as a] [func :as f])
(defn main [] -> i64
  (def x (a/addi (: 1 i64) (: 2 i64)))
  (f/return (arith.addi x (: 4 i64))))
