;; expect: 12
(require-dialect func)
(defn main [] -> i64
  (def r (let [a (: 2 i64)
               b (+i a 2)
               c (+i a b)]
    (*i c a)))
  (func.return r))
