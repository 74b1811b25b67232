;; expect: before
;; status: 7
;; What was printed before is written.
(require-dialect func)
(link-library :c)
(extern-fn exit (-> [i32] []))
(defn main [] -> i32
  (println "before")
  (call! exit (: 7 i32))
  (println "after")
  (func.return (: 1 i32)))
