;; error: 3:1 failed to compile dynamic macro 'number'
(require-dialect func)
(defn number [(: n i64)] -> i64 (func.return n))
(defmacro number)
(defn main [] (func.return))
