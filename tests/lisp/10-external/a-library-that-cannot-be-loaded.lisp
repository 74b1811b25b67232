;; error: 5:15 cannot load the library '10-external/lib/no-library.txt'
;; says: give the path of a shared library for this machine
;; The file is there, but it is text.
(require-dialect func)
(link-library "lib/no-library.txt")
(extern-fn f (-> [] [i64]))
(defn main [] -> i64 (func.return (call i64 f)))
