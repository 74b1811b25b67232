;; error: 6:45 affine.for: :upper_bound must be a whole number or an affine map, got symbol n
;; says: a bound that is a value is an operand: (affine.for from to (region ...))
(require-dialect func affine)
(defn main []
  (def n (: 4 index))
  (affine.for {:lower_bound 0 :upper_bound  n} (region (block [(: i index)] (affine.yield))))
  (func.return))
