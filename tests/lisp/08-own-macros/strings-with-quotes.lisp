;; expect: say "hi"
;; expect: \ done
;; A macro function with quotes and newlines in its strings compiles.
(require-dialect func)
(extern :value-ffi)
(defn greet [(: args !llvm.ptr)] -> !llvm.ptr
  (func.return `(print "say \"hi\"\n\\ done\n")))
(defmacro greet)
(defn main [] (greet) (func.return))
