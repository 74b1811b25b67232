;; Macros for programs with kernels: (require-macros "launch.lisp")

(require-dialect func gpu memref)

;; (launch [block item] blocks items body...): run body on the GPU, in so many blocks of so many
;; work-items; in body, block and item are the numbers of each.
(defn launch [(: args !llvm.ptr)] -> !llvm.ptr
  (def names (call !llvm.ptr value_vector_to_list (call !llvm.ptr value_list_first args)))
  (def block (call !llvm.ptr value_list_get names 0))
  (def item (call !llvm.ptr value_list_get names 1))
  (def after (call !llvm.ptr value_list_rest args))
  (def blocks (call !llvm.ptr value_list_get after 0))
  (def items (call !llvm.ptr value_list_get after 1))
  (def body (call !llvm.ptr value_list_rest (call !llvm.ptr value_list_rest after)))
  (func.return
    `(gpu.launch ~blocks (: 1 index) (: 1 index) ~items (: 1 index) (: 1 index)
       (region (block [(: ~block index) (: block-y index) (: block-z index)
                       (: ~item index) (: item-y index) (: item-z index)
                       (: blocks-x index) (: blocks-y index) (: blocks-z index)
                       (: items-x index) (: items-y index) (: items-z index)]
         ~@body
         (gpu.terminator))))))
(defmacro launch)

;; (register m): let the GPU use the memory of m, which has one dimension of f32.
(defn register [(: args !llvm.ptr)] -> !llvm.ptr
  (def m (call !llvm.ptr value_list_first args))
  (func.return `(gpu.host_register (memref.cast {:result "memref<*xf32>"} ~m))))
(defmacro register)
