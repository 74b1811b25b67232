;; Functions, a choice, recursion.

(require-dialect func)

(defn factorial [(: n i64)] -> i64
  (func.return
    (if {:result i64} (<= n 1)
      (: 1 i64)
      (* n (call i64 factorial (- n 1))))))

(defn main [] -> i64
  (func.return (call i64 factorial (: 10 i64))))
