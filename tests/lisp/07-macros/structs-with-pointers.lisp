;; expect: 6
;; A list of three cells.
(require-dialect func arith)
(defstruct Cell [value i64] [next !llvm.ptr])
(defn cons [(: value i64) (: next !llvm.ptr)] -> !llvm.ptr
  (def c (new Cell))
  (Cell/value! c value)
  (Cell/next! c next)
  (func.return c))
(defn sum [(: list !llvm.ptr)] -> i64
  (func.return (if {:result i64} (null? list) (: 0 i64)
                   (+i (Cell/value list) (call i64 sum (Cell/next list))))))
(defn main [] -> i64
  (def list (call !llvm.ptr cons (: 1 i64) (call !llvm.ptr cons (: 2 i64)
              (call !llvm.ptr cons (: 3 i64) (null-ptr)))))
  (func.return (call i64 sum list)))
