;; error: 2:26 compilation: expected (pass name {options}?)
(compilation (target cpu canonicalize))
