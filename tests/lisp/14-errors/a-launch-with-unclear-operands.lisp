;; error: 6:3 gpu.launch has several groups of operands, and it is not clear which of its 7
;; says: operandSegmentSizes
(require-dialect func gpu)
(defn main []
  (def one (: 1 index))
  (gpu.launch one one one one one one one (region (block [] (gpu.terminator))))
  (func.return))
