;; expect: a	b"c\d
;; expect: second, q
;; \n \t \" \\ and, for any other character, the character.
(require-dialect func)
(defn main [] (println "a\tb\"c\\d\nsecond, \q") (func.return))
