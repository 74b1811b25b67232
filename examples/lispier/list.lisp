;; A linked list made of structs.

(require-dialect func)

(defstruct Cell [value i64] [next !llvm.ptr])

(defn cons [(: value i64) (: next !llvm.ptr)] -> !llvm.ptr
  (def cell (new Cell))
  (Cell/value! cell value)
  (Cell/next! cell next)
  (func.return cell))

(defn show [(: list !llvm.ptr)]
  (if (null? list)
    (println "end")
    (do
      (print "%ld, " (Cell/value list))
      (call! show (Cell/next list))))
  (func.return))

(defn main []
  (def list (call !llvm.ptr cons (: 2 i64) (null-ptr)))
  (call! show (call !llvm.ptr cons (: 1 i64) list))
  (func.return))
