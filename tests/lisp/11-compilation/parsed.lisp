;; check: whether it can run depends on the machine
;; The three kinds of blocks, with options of every kind.
(require-dialect func)
(compilation
  (target cpu (pass convert-scf-to-cf) (pass convert-func-to-llvm {:use-bare-ptr-memref-call-conv false}))
  (target rocm (pass rocdl-attach-target {:chip "gfx1100" :O 3})))
(defn main [] (func.return))
