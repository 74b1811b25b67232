;; expect: 9007199254740993
;; 2^53 + 1 is not a 64-bit float.
(require-dialect func)
(defn main [] -> i64 (func.return (: 9007199254740993 i64)))
