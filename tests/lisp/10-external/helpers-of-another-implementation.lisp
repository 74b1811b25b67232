;; error: 4:1 extern library :gpt2-ffi is not supported
;; says: read a checkpoint with fopen and fread instead
(require-dialect func)
(extern :gpt2-ffi)
(defn main [] (func.return))
