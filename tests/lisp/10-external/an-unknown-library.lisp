;; error: 3:15 unknown library :cuda
(require-dialect func)
(link-library :cuda)
(defn main [] (func.return))
