;; expect: 0
;; expect: 1: 7
;; expect: 2: 7 8
;; Old programs declare one name for each number of arguments; all of them are printf.
(require-dialect func llvm)
(link-library :c)
(extern-fn printf_1 (-> [!llvm.ptr i64] [i32]))
(extern-fn printf_2 (-> [!llvm.ptr i64 i64] [i32]))
(defn main []
  (println "0")
  (call i32 printf_1 (c-string "1: %ld\n") 7)
  (call i32 printf_2 (c-string "2: %ld %ld\n") 7 8)
  (func.return))
