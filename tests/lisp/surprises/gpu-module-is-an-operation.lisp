;; check: there is nothing to run
;; Only names without a dialect are special forms.
(require-dialect gpu)
(gpu.module {:sym_name "kernels"} (region (block [])))
