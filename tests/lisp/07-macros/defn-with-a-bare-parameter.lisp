;; error: 4:10 macro 'defn': expected a parameter (: name type)
;; says: write each parameter as (: x i64)
(require-dialect func)
(defn f [n] (func.return))
