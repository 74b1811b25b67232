;; expect: 7
;; Definitions for the expander count inside (module (do ...)) too.
(require-dialect func)
(module (do
  (defstruct Pair [a i64] [b i64])
  (defn main [] -> i64
    (def p (new Pair))
    (Pair/a! p (: 3 i64))
    (Pair/b! p (: 4 i64))
    (func.return (+i (Pair/a p) (Pair/b p))))))
