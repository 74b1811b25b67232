;; Requires the file that requires it.
(require ["../a-circle.lisp" :as a])
