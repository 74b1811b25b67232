;; expect: 128
(require-dialect func)
(defn main [] -> i64
  (func.return (loop {:result i64} [v (: 1 i64)] :while (<i v 100) :do (*i v 2))))
