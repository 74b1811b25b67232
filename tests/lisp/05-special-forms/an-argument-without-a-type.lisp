;; error: 4:64 missing type for block argument: i
(require-dialect func scf)
(defn main []
  (scf.for (: 0 index) (: 2 index) (: 1 index) (region (block [i] (scf.yield))))
  (func.return))
