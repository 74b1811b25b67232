;; expect: 1
;; true and false are booleans, nil is nothing: as a statement it does nothing.
(require-dialect arith func)
(defn main [] -> i64
  nil
  ()
  (func.return (arith.extui {:result i64} (arith.xori (: true i1) (: false i1)))))
