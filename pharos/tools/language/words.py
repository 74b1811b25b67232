"""The special forms and built-in macros of Lispier: how each is written and what it does."""

from __future__ import annotations

from collections.abc import Mapping

_FORMS = """
(module form...)
    Groups top-level forms. All land in the one MLIR module.
(do form...)
    At the top level: its forms. As a branch of if: its forms in order, the last is the value. As
    an argument of an operation: a region.
(region form...) (region (block ...)...)
    A region of an operation: one block of forms, or several blocks. (region) has none, which is
    how a declaration is written.
(block [(: name type)...] form...) (block ^label [(: name type)...] form...)
    A basic block of a region: its label, its arguments, its operations.
(def name value) (def [name...] value)
    Binds a name to the first result of a form, or one name to each of its results.
(let [name value...] form...)
    Bindings in order, each seeing those before it; the value is that of the last form.
(: value type)
    A constant of that type: (: 42 i32), (: 0.5 f32), (: 0 vector<4xf32>). In parameters and block
    arguments: a name with its type.
(-> [type...] [type...])
    A function type: what it takes, what it gives. [!llvm.ptr ...] takes any number more.
(require-dialect dialect...) (require-dialect [dialect :as name]...)
    From here on the operations of these MLIR dialects are known: arith.addi, and a/addi after
    [arith :as a].
(use-dialect dialect...)
    The same as require-dialect.
(require ["path" :as name]...)
    Loads files into the program. name/f is the function f of that file. A path that starts with @
    is relative to the project's root, any other to this file.
(require-macros "path")
    Makes the macros that another file defines known in this one.
(compilation (target name (pass name {options}?)...)...)
    The passes to compile with, for each target.
(compilation-cpu (passes (pass name)...) (func-passes (pass name)...)...)
    The passes to compile with on the CPU.
(compilation-gpu backend (passes (pass name)...) (gpu-passes (pass name)...)...)
    The passes to compile with for a GPU.
(extern :value-ffi)
    Makes the functions available that macros build values with.
(link-library :c) (link-library "path/lib.so")
    Links a library. libc and libm are always there.
(defmacro name)
    Makes the function called name a macro: it takes a pointer to the list of the unexpanded
    arguments and returns a pointer to the form that takes the call's place.
(defstruct Name [field type]...)
    A struct in memory: (Name/field p) reads, (Name/field! p v) writes, (new Name) allocates.
(deftype Name type)
    From here on in this file Name stands for the type.
(+ a...)
    The sum, from the left.
    By the type of the operands: integers, index, floats, complex numbers, vectors and tensors.
(- a...)
    The difference, from the left; (- a) negates.
    By the type of the operands: integers, index, floats, complex numbers, vectors and tensors.
(* a...)
    The product, from the left.
    By the type of the operands: integers, index, floats, complex numbers, vectors and tensors.
(/ a b...)
    The quotient, from the left; of integers toward zero.
    By the type of the operands: integers, index, floats, complex numbers, vectors and tensors.
(< a b...)
    Less than.
    By the type of the operands, an i1; several: whether it holds for each and the next.
(<= a b...)
    Less than or equal.
    By the type of the operands, an i1; several: whether it holds for each and the next.
(> a b...)
    Greater than.
    By the type of the operands, an i1; several: whether it holds for each and the next.
(>= a b...)
    Greater than or equal.
    By the type of the operands, an i1; several: whether it holds for each and the next.
(= a b...)
    Equal; also pointers and truth values.
    By the type of the operands, an i1; several: whether it holds for each and the next.
(!= a b)
    Not equal, also pointers and truth values; an i1.
(as-index n)
    An integer as an index.
"""

_MACROS = """
(defn name [(: parameter type)...] -> type form...) (defn name [(: parameter type)...] form...)
    Defines a function. It ends in (func.return value), or (func.return) when it returns nothing.
(when condition form...)
    Runs the forms when the i1 is true.
(if condition then else) (if {:result type} condition then else)
    One of two branches. With :result it has the value of the branch.
(cond condition value... :else value) (cond {:result type} condition value... :else value)
    The value behind the first condition that is true.
(and value...)
    i1: whether all are true; stops at the first that is not.
(or value...)
    i1: whether any is true; stops at the first that is.
(loop {:result type} [name start] :while condition :do next)
    Starts with a value and replaces it while the condition holds; gives the last one.
(call type f value...) (call [type...] f value...)
    Calls a function and gives its result.
(call! f value...)
    Calls a function that returns nothing.
(vararg-call type f (-> [type... ...] [type]) value...)
    Calls a C function that takes a variable number of arguments.
(extern-fn f (-> [type...] [type...]))
    Declares a function that a library defines.
(null-ptr)
    The null pointer.
(null? pointer)
    i1: whether the pointer is null.
(ptr-load type pointer)
    The value of that type in memory.
(ptr-store! value pointer)
    Puts a value into memory.
(ptr-offset type pointer bytes)
    The pointer, moved by a literal number of bytes; type is its type, !llvm.ptr.
(ptr-at type pointer index)
    The address of an element: the pointer, moved by index times the size of type.
(print "format" value...)
    C's printf: %d for i32, %ld for i64, %f for f64, %s for !llvm.ptr. Its value is the number of
    characters.
(println "format" value...) (println)
    print with a line break at the end.
(print-i64 number)
    Prints an i64.
(new Name)
    Memory for a struct that defstruct defined, not initialised.
(quasiquote form)
    Written `form: code that builds the form as a value, for macros; ~x puts a value in, ~@x the
    items of a list.
(+i a b)
    Integer sum.
(-i a b)
    Integer difference.
(*i a b)
    Integer product.
(/i a b)
    Integer quotient, cut toward zero.
(/ui a b)
    Quotient of unsigned integers.
(+f a b)
    Float sum.
(-f a b)
    Float difference.
(*f a b)
    Float product.
(/f a b)
    Float quotient.
(<i a b)
    i1: integer a is less than b.
(<=i a b)
    i1: integer a is at most b.
(>i a b)
    i1: integer a is greater than b.
(>=i a b)
    i1: integer a is at least b.
(=i a b)
    i1: integers are equal.
(!=i a b)
    i1: integers differ.
(inc x)
    x + 1.
(not condition)
    The other truth value of an i1.
(while condition form...) (while {:result T} [name start] condition form...)
    Runs the forms while the i1 is true; it is computed anew each time. With :result as in for.
(for [i from to step?] form...) (for {:result T} [i from to step?] [name start] form...)
    Runs the forms for each index from up to but not including to. With :result, name is start at
    first and then what the last form gave; its last value is the value. Several: {:result [T U]},
    [name start name start], and the last form is a vector of the next values.
(assert condition "message"?)
    Ends the program with status 1 and tells the place on stderr, unless the i1 is true.
(<f a b)
    Floats: less than; false when one is NaN.
(<=f a b)
    Floats: less than or equal; false when one is NaN.
(>f a b)
    Floats: greater than; false when one is NaN.
(>=f a b)
    Floats: greater than or equal; false when one is NaN.
(=f a b)
    Floats: equal; false when one is NaN.
(!=f a b)
    Floats: not equal; true when one is NaN.
(c-string "text")
    A pointer to the text as a C string.
"""


def _table(text: str) -> Mapping[str, tuple[str, str]]:
    """Name to (how it is written, what it does)."""
    found: dict[str, tuple[str, str]] = {}
    form = name = ""
    lines: list[str] = []
    for line in [*text.strip().splitlines(), "("]:
        if line.startswith("("):
            if name:
                found[name] = (form.replace(") (", ")\n("), " ".join(lines))
            form, name, lines = line, line[1:].split(" ")[0].rstrip(")"), []
        else:
            lines.append(line.strip())
    return found


FORMS = _table(_FORMS)
MACROS = _table(_MACROS)
