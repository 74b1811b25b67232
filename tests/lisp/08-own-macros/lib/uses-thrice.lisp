(require-macros "thrice.lisp")
(require-dialect func)
(defn one [] -> i64 (func.return (/i (thrice (: 3 i64)) 3)))
