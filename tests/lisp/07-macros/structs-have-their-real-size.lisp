;; expect: 7 8
;; Two arrays of 64 bytes: the second struct must not lie inside the first.
(require-dialect func llvm)
(defstruct Big [a !llvm.array<16 x i32>] [b !llvm.array<16 x i32>] [c i64])
(defn main []
  (def p (new Big))
  (def q (new Big))
  (Big/c! p (: 7 i64))
  (Big/c! q (: 8 i64))
  (println "%ld %ld" (Big/c p) (Big/c q))
  (func.return))
