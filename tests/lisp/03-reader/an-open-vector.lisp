;; error: 2:6 unclosed '['
(def [a b
