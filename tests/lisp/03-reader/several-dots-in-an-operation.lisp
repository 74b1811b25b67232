;; expect: 5
;; The dialect is what stands before the first dot.
(require-dialect [llvm :as l] func)
(defn main [] -> i64
  (def two (l/mlir.constant {:value 2 :result i64}))
  (def three (llvm.mlir.constant {:value 3 :result i64}))
  (func.return (l/add two three)))
