;; error: 4:27 type parse error
;; says: did you mean 'f32'?
(require-dialect func)
(defn main [] (def n (: 5 f33)) (func.return))
