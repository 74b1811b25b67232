;; error: 4:8 unknown dialect 'my'
(require-dialect func)
(defn main [] -> i64
  (def my.value (: 1 i64))
  (func.return my.value))
