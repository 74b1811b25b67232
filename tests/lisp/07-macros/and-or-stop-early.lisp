;; expect: asked
;; expect: 1
;; What is behind the deciding condition does not run.
(require-dialect func arith)
(defn asked [(: b i1)] -> i1 (println "asked") (func.return b))
(defn never [] -> i1 (println "never") (func.return (: true i1)))
(defn main [] -> i32
  (def a (or (call i1 asked (: true i1)) (call i1 never)))
  (def b (and (: false i1) (call i1 never)))
  (func.return (arith.extui {:result i32} (arith.ori a b))))
