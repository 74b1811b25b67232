;; expect: 5
;; @ is the nearest folder with lispier.toml, .git or Cargo.toml at or above the program's.
(require ["@lib/deep.lisp" :as d])
(require-dialect func)
(defn main [] -> i64 (func.return (call i64 d/five)))
