;; error: 4:1 unclosed '('
;; The place is that of the bracket that is not closed.
(require-dialect func)
(defn main [] -> i64
  (func.return (: 1 i64))
