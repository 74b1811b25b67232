;; check: needs a GPU to run
;; Eleven segments were right until LLVM 22; they are padded to what this MLIR wants.
(require-dialect func gpu)
(defn main []
  (def one (: 1 index))
  (gpu.launch {:operandSegmentSizes array<i32: 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0>}
    one one one one one one
    (region (block [(: a index) (: b index) (: c index) (: d index) (: e index) (: f index)
                    (: g index) (: h index) (: i index) (: j index) (: k index) (: l index)]
      (gpu.terminator))))
  (func.return))
