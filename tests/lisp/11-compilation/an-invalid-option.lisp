;; error: 2:67 invalid pass option
(compilation-cpu (func-passes (pass canonicalize {:max-iterations [1]})))
