;; expect: from the library
;; expect: from main
;; The names of their globals do not clash.
(require ["lib/prints.lisp" :as p])
(require-dialect func)
(defn main [] (call! p/say) (println "from main") (func.return))
