;; expect: 10
;; ~@ fills in the items of a list, in a list or in a vector.
(require-dialect func)
(extern :value-ffi)
(defn bind-n [(: args !llvm.ptr)] -> !llvm.ptr
  (func.return `(let [n ~@args] (*i n 2))))
(defmacro bind-n)
(defn main [] -> i64 (func.return (bind-n (: 5 i64))))
