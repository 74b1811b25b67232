;; error: 2:9 Unknown extern library: values
(extern :values)
