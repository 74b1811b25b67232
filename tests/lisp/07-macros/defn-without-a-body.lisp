;; error: 3:1 macro 'defn':
(require-dialect func)
(defn f [(: n i64)])
