;; expect: 21
;; Macros of another file; its functions do not become part of this program.
(require-macros "lib/thrice.lisp")
(require-dialect func arith)
(defn helper [] -> i64 (func.return (: 7 i64)))
(defn main [] -> i64 (func.return (thrice (call i64 helper))))
