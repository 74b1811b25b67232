;; expect: yes
;; expect: end
(require-dialect func scf)
(defn main []
  (scf.if (: true i1) (region (println "yes") (scf.yield)))
  (scf.if (: false i1) (region (println "no") (scf.yield)) (region (block [] (scf.yield))))
  (println "end")
  (func.return))
