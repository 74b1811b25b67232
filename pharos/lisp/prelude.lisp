; What the language itself leaves out: macros that every program has. A macro of the same name that
; a program defines comes first. Arithmetic and comparison by the types of the operands (+ - * /
; < <= > >= = !=) and as-index are special forms, because a macro does not know types; assert is a
; built-in macro, because it tells its place.
;
; All functions here are straight-line, so that they run without being compiled.

(require-dialect arith func scf)

; (inc x): one more.
(defn inc [(: args !llvm.ptr)] -> !llvm.ptr
  (call! value_expect args 1 1 (c-string "(inc x)"))
  (def x (call !llvm.ptr value_list_first args))
  (func.return `(+ ~x 1)))
(defmacro inc)

; (not c): the other truth value.
(defn not [(: args !llvm.ptr)] -> !llvm.ptr
  (call! value_expect args 1 1 (c-string "(not condition)"))
  (def c (call !llvm.ptr value_list_first args))
  (func.return `(arith.xori ~c (: 1 i1))))
(defmacro not)

; (while condition body...): for effect.
; (while {:result T} [a start] condition body...): a is start at first, and then what the last form
; of the body gave; the value is the last one. Several: {:result [T U]} [a start b start], and the
; last form is a vector [next-a next-b].
(defn while [(: args !llvm.ptr)] -> !llvm.ptr
  (def head (call !llvm.ptr value_list_first args))
  (func.return
    (if {:result !llvm.ptr} (call i1 value_is_map head)
      (let [type (call !llvm.ptr value_map_get head (c-string "result"))
            held (call !llvm.ptr value_vector_to_list (call !llvm.ptr value_list_get args 1))
            names (call !llvm.ptr value_list_every held 0 2)
            starts (call !llvm.ptr value_list_every held 1 2)
            typed (call !llvm.ptr value_list_typed names type)
            condition (call !llvm.ptr value_list_get args 2)
            body (call !llvm.ptr value_list_rest
                       (call !llvm.ptr value_list_rest (call !llvm.ptr value_list_rest args)))
            before (call !llvm.ptr value_list_but_last body)
            next (call !llvm.ptr value_list_last body)]
        (call! value_expect args 4 -1
               (c-string "(while {:result T} [name start] condition body...)"))
        (if (call i1 value_is_list (call !llvm.ptr value_list_typed starts type))
          (do)
          (call! value_fail (c-string "expected a name and a start for each type of :result")))
        `(scf.while {:result ~type} ~@starts
           (region (block [~@typed] (scf.condition ~condition ~@names)))
           (region (block [~@typed] ~@before (scf.yield ~next)))))
      (let [condition head
            body (call !llvm.ptr value_list_rest args)]
        (call! value_expect args 1 -1 (c-string "(while condition body...)"))
        `(scf.while
           (region (block [] (scf.condition ~condition)))
           (region (block [] ~@body (scf.yield))))))))
(defmacro while)

; (for [i from to] body...), (for [i from to step] body...): i is an index, from up to but not
; including to; for effect.
; (for {:result T} [i from to step?] [sum start] body...): sum is start at first, and then what the
; last form of the body gave; the value is the last one. Several: as in while.
(defn for [(: args !llvm.ptr)] -> !llvm.ptr
  (def head (call !llvm.ptr value_list_first args))
  (func.return
    (if {:result !llvm.ptr} (call i1 value_is_map head)
      (let [type (call !llvm.ptr value_map_get head (c-string "result"))
            range (call !llvm.ptr value_vector_to_list (call !llvm.ptr value_list_get args 1))
            held (call !llvm.ptr value_vector_to_list (call !llvm.ptr value_list_get args 2))
            names (call !llvm.ptr value_list_every held 0 2)
            starts (call !llvm.ptr value_list_every held 1 2)
            typed (call !llvm.ptr value_list_typed names type)
            usage (c-string "(for {:result T} [i from to step?] [name start] body...)")
            i (call !llvm.ptr value_list_first range)
            step (call !llvm.ptr value_or (call !llvm.ptr value_list_get range 3)
                       (call !llvm.ptr value_number_new 1))
            body (call !llvm.ptr value_list_rest
                       (call !llvm.ptr value_list_rest (call !llvm.ptr value_list_rest args)))
            before (call !llvm.ptr value_list_but_last body)
            next (call !llvm.ptr value_list_last body)]
        (call! value_expect args 4 -1 usage)
        (call! value_expect range 3 4 usage)
        (if (call i1 value_is_list (call !llvm.ptr value_list_typed starts type))
          (do)
          (call! value_fail (c-string "expected a name and a start for each type of :result")))
        `(scf.for {:result ~type}
           (as-index ~(call !llvm.ptr value_list_get range 1))
           (as-index ~(call !llvm.ptr value_list_get range 2))
           (as-index ~step)
           ~@starts
           (region (block [(: ~i index) ~@typed] ~@before (scf.yield ~next)))))
      (let [range (call !llvm.ptr value_vector_to_list head)
            usage (c-string "(for [i from to step?] body...)")
            i (call !llvm.ptr value_list_first range)
            step (call !llvm.ptr value_or (call !llvm.ptr value_list_get range 3)
                       (call !llvm.ptr value_number_new 1))
            body (call !llvm.ptr value_list_rest args)]
        (call! value_expect range 3 4 usage)
        `(scf.for
           (as-index ~(call !llvm.ptr value_list_get range 1))
           (as-index ~(call !llvm.ptr value_list_get range 2))
           (as-index ~step)
           (region (block [(: ~i index)] ~@body (scf.yield))))))))
(defmacro for)

; (<f a b) and the others: floats compared; false when one is NaN, but for !=f, which is true then.
(defn <f [(: args !llvm.ptr)] -> !llvm.ptr
  (call! value_expect args 2 2 (c-string "(<f a b)"))
  (func.return `(arith.cmpf {:predicate "olt"} ~@args)))
(defmacro <f)
(defn <=f [(: args !llvm.ptr)] -> !llvm.ptr
  (call! value_expect args 2 2 (c-string "(<=f a b)"))
  (func.return `(arith.cmpf {:predicate "ole"} ~@args)))
(defmacro <=f)
(defn >f [(: args !llvm.ptr)] -> !llvm.ptr
  (call! value_expect args 2 2 (c-string "(>f a b)"))
  (func.return `(arith.cmpf {:predicate "ogt"} ~@args)))
(defmacro >f)
(defn >=f [(: args !llvm.ptr)] -> !llvm.ptr
  (call! value_expect args 2 2 (c-string "(>=f a b)"))
  (func.return `(arith.cmpf {:predicate "oge"} ~@args)))
(defmacro >=f)
(defn =f [(: args !llvm.ptr)] -> !llvm.ptr
  (call! value_expect args 2 2 (c-string "(=f a b)"))
  (func.return `(arith.cmpf {:predicate "oeq"} ~@args)))
(defmacro =f)
(defn !=f [(: args !llvm.ptr)] -> !llvm.ptr
  (call! value_expect args 2 2 (c-string "(!=f a b)"))
  (func.return `(arith.cmpf {:predicate "une"} ~@args)))
(defmacro !=f)
