;; expect: 3
; One semicolon or many; brackets in comments ( [ { " do not count.
;;;; (
(require-dialect arith func);right behind a form
(defn main [] -> i64 ; (
  (func.return (arith.addi ;; "
    (: 1 i64) ; ]
    (: 2 i64))))
; the last line has no newline behind it, and its comment is long enough to be one
