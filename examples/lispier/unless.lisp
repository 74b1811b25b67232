;; Two macros: a form that the language lacks, and one that works on the code it is given.

(require-dialect func)

;; (unless c body...) is (when (not c) body...).
(defn unless [(: args !llvm.ptr)] -> !llvm.ptr
  (def condition (call !llvm.ptr value_list_first args))
  (def body (call !llvm.ptr value_list_rest args))
  (func.return `(when (not ~condition) ~@body)))
(defmacro unless)

;; (show form) prints the form and its value.
(defn show [(: args !llvm.ptr)] -> !llvm.ptr
  (def form (call !llvm.ptr value_list_first args))
  (def text (call !llvm.ptr value_text form))
  (func.return `(println "%s = %ld" (c-string ~text) ~form)))
(defmacro show)

(defn main []
  (def n (: 6 i64))
  (unless (= n 7)
          (show (* n (+ n 1))))
  (func.return))
