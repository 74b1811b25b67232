;; error: 2:11 expected a path, got string ""
(require ["" :as u])
