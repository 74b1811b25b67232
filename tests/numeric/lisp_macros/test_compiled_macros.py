"""Macros that are compiled, value functions in running programs, the prelude at work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pharos import lisp, toolchain
from pharos.core import settings
from pharos.core.errors import InternalError, UserError, render
from pharos.lisp import written_macros

HEAD = "(require-dialect func arith scf cf llvm memref linalg)\n"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "macro-cache"
    monkeypatch.setenv("PHAROS_CACHE", str(folder))


def main_of(text):
    """What main of ``text`` returns."""
    payload = toolchain.lisp_payload(HEAD + text, "t.lisp")
    request = toolchain.Request(pipeline="default")
    return toolchain.load(toolchain.compile(payload, request)).call("main")


def output(text, tmp_path, *, status=0):
    """What the program prints, in a process of its own; (out, err)."""
    (tmp_path / "p.lisp").write_text(HEAD + text)
    code = "from pharos.tools.cli import main; main(['run', 'p.lisp'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def macro(name, body):
    return f"(defn {name} [(: a !llvm.ptr)] -> !llvm.ptr\n{body})\n(defmacro {name})\n"


def failed(text):
    with pytest.raises(UserError) as caught:
        toolchain.lisp_payload(HEAD + text, "t.lisp")
    return caught.value


SUM = macro(
    "sum",
    """(def n (arith.index_cast {:result index} (call i64 value_list_len a)))
    (def all (scf.for {:result !llvm.ptr} (: 1 index) n (: 1 index)
                      (call !llvm.ptr value_list_first a)
      (region (block [(: i index) (: so-far !llvm.ptr)]
        (def item (call !llvm.ptr value_list_get a (arith.index_cast {:result i64} i)))
        (scf.yield `(arith.addi ~so-far ~item))))))
    (func.return all)""",
)


def test_a_macro_with_a_loop():
    assert main_of(SUM + "(defn main [] -> i64 (func.return (sum (: 1 i64) 2 3 4)))") == 10


def test_macros_call_functions_and_compiled_macros():
    text = (
        SUM
        + "(defn twice [(: x f64)] -> f64 (func.return (sum x x)))".replace("sum", "arith.addf")
        + macro(
            "count",
            """(def n (arith.sitofp {:result f64} (call i64 value_list_len a)))
            (func.return `(: ~(call !llvm.ptr value_number_new (call f64 twice n)) i64))""",
        )
    )
    assert main_of(text + "(defn main [] -> i64 (func.return (sum (count x y) (count))))") == 4


def test_print_in_a_macro_is_seen_when_it_expands(tmp_path):
    text = macro("m", '(print "expanding\\n") (func.return (call !llvm.ptr value_list_first a))')
    out, _ = output(text + '(defn main [] -> i64 (print "run\\n") (func.return (m (: 5 i64))))',
                    tmp_path)  # fmt: skip
    assert out == "expanding\nrun\n5\n"


def test_names_made_up_here_and_there_differ():
    text = macro("here", "(func.return (call !llvm.ptr value_gensym))") + macro(
        "there",
        """(def made (scf.execute_region {:result !llvm.ptr} (region (block []
             (scf.yield (call !llvm.ptr value_gensym)))))) (func.return made)""",
    )
    program = lisp.load_text(HEAD + text + "(f (here) (there) (here))", engine=_engine())
    assert lisp.to_text(program.forms[-1]) == "(f __G__0 __G__1 __G__2)"


def _engine():
    return toolchain.macro_engine()


STRAIGHT = [
    "(func.return (call !llvm.ptr value_list_first a))",
    '(func.return `(x ~@a [~@a] {:k ~(call !llvm.ptr value_list_first a)} 1.0 -0.0 "s" :k nil))',
    "(def b (call !llvm.ptr value_list_rest a)) (call! value_list_push b b) (func.return b)",
    """(def c (call i1 value_is_symbol (call !llvm.ptr value_list_first a)))
       (func.return (if {:result !llvm.ptr} c `yes `no))""",
    "(when (call i1 value_is_list a) (call! value_list_push a `pushed)) (func.return a)",
    "(func.return (call !llvm.ptr value_string_new (call !llvm.ptr value_symbol_name a)))",
    """(func.return (call !llvm.ptr value_string_new
          (call !llvm.ptr value_symbol_name (call !llvm.ptr value_list_first a))))""",
    "(func.return (call !llvm.ptr value_list_get a -1))",
    "(func.return (call !llvm.ptr value_number_new (call f64 value_number_get a)))",
    "(func.return (call !llvm.ptr value_bool_new (call i1 value_is_list a)))",
    "(call! value_free (call !llvm.ptr value_nil_new)) (func.return (null-ptr))",
    "(func.return (call !llvm.ptr value_text a))",
    "(func.return (call !llvm.ptr value_place (call !llvm.ptr value_list_first a)))",
]


@pytest.mark.parametrize("body", STRAIGHT)
def test_straight_macros_are_the_same_compiled(body, monkeypatch):
    text = HEAD + macro("m", body) + "(f (m arith.addi 2 (b)))"

    def expanded():
        try:
            return lisp.to_text(lisp.load_text(text, "t.lisp", engine=_engine()).forms[-1])
        except UserError as error:
            return error.message

    here = expanded()
    monkeypatch.setattr(written_macros, "interpretable", lambda *_: None)
    assert expanded() == here


# -- mistakes -------------------------------------------------------------------------------------

CRASH = macro("crash", "(ptr-store! (: 1 i64) (ptr-at i64 a (: 1 i64))) (func.return a)")
SPIN = "(extern-fn rand (-> [] [i32]))" + macro(
    "spin",
    """(scf.while (region (block [] (scf.condition (arith.cmpi {:predicate "sge"}
          (call i32 rand) (: 0 i32))))) (region (block [] (scf.yield)))) (func.return a)""",
)
QUIT = "(extern-fn exit (-> [i32] []))" + macro("quit", "(call! exit (: 3 i32)) (func.return a)")
USE = "(defn main [] -> i64 (func.return\n ({} 1)))"


@pytest.mark.parametrize(
    ("text", "name", "seconds", "message"),
    [
        (
            CRASH,
            "crash",
            30,
            "macro 'crash': its process ended by signal SIGSEGV (Segmentation fault)",
        ),
        (SPIN, "spin", 1, "macro 'spin': it did not end within 1 s"),
        (QUIT, "quit", 30, "macro 'quit': its process ended by exit status 3"),
    ],
)
def test_a_macro_that_ends_its_process(text, name, seconds, message):
    with settings.scope(MACRO_SECONDS=seconds):
        error = failed(text + USE.format(name))
    assert error.message == message
    line = (HEAD + text).count("\n") + 2
    assert str(error.span) == f"t.lisp:{line}:2"
    (note,) = error.notes
    assert note.message == f"the macro '{name}' is written here"
    # The next one finds a new process.
    assert main_of(SUM + "(defn main [] -> i64 (func.return (sum (: 1 i64) 1)))") == 2


def test_a_function_that_does_not_compile():
    text = macro("m", "(def x (arith.addi (: 1 i64) (: 1 i32))) (func.return a)")
    error = failed(text + USE.format("m"))
    assert error.message.startswith("failed to compile dynamic macro 'm': 'arith.addi' op requires")
    assert str(error.span) == "t.lisp:3:8"
    assert [(n.message, str(n.span)) for n in error.notes] == [("used here", "t.lisp:6:2")]


def test_one_wrong_macro_leaves_the_others():
    wrong = macro("wrong", "(def x (arith.addi (: 1 i64) (: 1 i32))) (func.return a)")
    program = lisp.load_text(HEAD + wrong + SUM + "(f (sum 1 2))", engine=_engine())
    assert lisp.to_text(program.forms[-1]) == "(f (arith.addi 1 2))"


def test_a_wrong_macro_is_reported_once():
    wrong = macro("wrong", "(def x (arith.addi (: 1 i64) (: 1 i32))) (func.return a)")
    error = failed(wrong + "(f (wrong)) (f (wrong)) (f (wrong))")
    assert render(error).count("error:") == 1


def test_a_bug_of_ours_is_no_mistake_of_the_user(monkeypatch):
    def broken(*_arguments):
        raise InternalError("broken")

    monkeypatch.setattr(type(_engine()), "call", broken)
    with pytest.raises(InternalError, match="broken"):
        toolchain.lisp_payload(HEAD + SUM + "(f (sum 1))")


def test_files_of_macros(tmp_path, monkeypatch):
    (tmp_path / "m.lisp").write_text(
        HEAD + "(link-library :c) (defn helper [(: x i64)] -> i64 (func.return x))" + SUM
    )
    (tmp_path / "u.lisp").write_text(
        HEAD + '(require-macros "m.lisp") (defn helper [(: x i64)] -> i64 (func.return (sum x x)))'
    )
    (tmp_path / "main.lisp").write_text(
        HEAD
        + '(require ["u.lisp" :as u]) (require-macros "m.lisp")'
        + "(defn main [] -> i64 (func.return (sum (u/helper (: 4 i64)) 1)))"
    )
    payload = toolchain.read_payload(tmp_path / "main.lisp")
    artifact = toolchain.compile(payload, toolchain.Request(pipeline="default"))
    assert toolchain.load(artifact).call("main") == 9
    # What decides the program's code includes the file of macros.
    (tmp_path / "m.lisp").write_text((HEAD + SUM).replace("arith.addi", "arith.muli"))
    payload = toolchain.read_payload(tmp_path / "main.lisp")
    artifact = toolchain.compile(payload, toolchain.Request(pipeline="default"))
    assert toolchain.load(artifact).call("main") == 16


# -- at run time ----------------------------------------------------------------------------------


def test_value_functions_in_a_running_program(tmp_path):
    text = """(extern :value-ffi)
    (defn main [] -> i64
      (def l `(a "b" [~(call !llvm.ptr value_number_new (: 4.5 f64))] {:k v} true nil))
      (call! value_list_push l l)
      (print "%s\\n" (call !llvm.ptr value_string_get (call !llvm.ptr value_text l)))
      (print "%d %d %d\\n" (call i1 value_is_list (null-ptr)) (call i1 value_is_list l)
                           (call i1 value_is_nil (call !llvm.ptr value_list_get l 5)))
      (print "%s\\n" (call !llvm.ptr value_symbol_name (call !llvm.ptr value_gensym)))
      (call! value_free l)
      (func.return (call i64 value_list_len l)))"""
    out, _ = output(text, tmp_path)
    value = '(a "b" [4.5] {:k v} true nil'
    assert out == f"{value} {value}))\n0 1 1\n__G__0\n0\n"


def test_the_prelude(tmp_path):
    text = """
    (defn factorial [(: n i64)] -> i64
      (func.return (for {:result i64} [i 1 (+ n 1)] [product 1]
                     (* product (arith.index_cast {:result i64} i)))))
    (defn main [] -> i64
      (def x (: 2.5 f64))
      (print "%g %g %g\\n" (+ x 1 (* x 2)) (- x) (/ x 2))
      (print "%d %d %d %d\\n" (< 1 2 3) (< 1 3 2) (not (= x 2.5)) (<f x 3.0))
      (for [i 0 6 2] (print "%ld " i))
      (def m (memref.alloca {:result memref<1xi64>}))
      (memref.store 3 m 0)
      (while (> (memref.load m 0) 0)
        (print "w%ld " (memref.load m 0))
        (memref.store (- (memref.load m 0) 1) m 0))
      (assert (= (memref.load m 0) 0) "m counts down")
      (print "\\n")
      (func.return (inc (call i64 factorial 5))))"""
    out, err = output(text, tmp_path)
    assert out == "8.5 -2.5 1.25\n1 0 0 1\n0 2 4 w3 w2 w1 \n121\n"
    assert err == ""


def test_a_failed_assertion_ends_the_program(tmp_path):
    text = """(defn main [] -> i64
      (print "before\\n")
      (assert (< 2 1))
      (print "after\\n")
      (func.return (: 0 i64)))"""
    out, err = output(text, tmp_path, status=1)
    assert out == "before\n"
    assert err == "p.lisp:4:7: assertion failed: (< 2 1)\n"


def test_comparisons_with_nan():
    compared = " ".join(f"({name} x x)" for name in ("<f", "=f", "!=f", "<", "=", "!="))
    text = f"""(defn bit [(: c i1) (: n i64)] -> i64
      (func.return (+ (* n 2) (arith.extui {{:result i64}} c))))
    (defn main [] -> i64 (def zero (: 0 f64)) (def x (/ zero zero))
      (func.return {_bits(compared[1:-1].split(") ("))}))"""
    assert main_of(text) == 0b001001


def _bits(conditions):
    value = "(: 0 i64)"
    for condition in conditions:
        value = f"(call i64 bit ({condition}) {value})"
    return value


# -- compilation blocks ---------------------------------------------------------------------------

FILLED = """(defn main [] -> i64
  (def m (memref.alloc {:result memref<8x8xf32>}))
  (linalg.fill (: 1.5 f32) m)
  (print "%g\\n" (arith.extf {:result f64} (memref.load m 3 3)))
  (func.return (: 5 i64)))"""
PASSES = """(pass convert-linalg-to-affine-loops) (pass affine-loop-tile {:tile-size 4})
(pass lower-affine) (pass convert-scf-to-cf) (pass convert-arith-to-llvm) (pass convert-cf-to-llvm)
(pass finalize-memref-to-llvm) (pass convert-func-to-llvm) (pass reconcile-unrealized-casts)"""


@pytest.mark.parametrize(
    "block",
    [
        f"(compilation (target rocm (pass nothing)) (target cpu {PASSES}))",
        "(compilation-cpu (passes (pass convert-scf-to-cf)) "
        "(func-passes (pass convert-linalg-to-loops)))",
        "(compilation-gpu rocm (passes (pass nothing))) (compilation-cpu (passes (pass cse)))",
    ],
)
def test_a_compilation_block_runs_and_main_is_not_printed(block, tmp_path):
    out, _ = output(block + FILLED, tmp_path)
    assert out == "1.5\n"


def stages(block):
    payload = toolchain.lisp_payload(HEAD + block + FILLED)
    request = toolchain.settled(payload, toolchain.Request())
    return [str(stage) for stage in request.stages]


def test_passes_nest_as_the_reference_says():
    assert stages(f"(compilation (target cpu {PASSES}))")[:3] == [
        "pass: func.func(convert-linalg-to-affine-loops)",
        "pass: func.func(affine-loop-tile{tile-size=4})",
        "pass: lower-affine",
    ]
    block = "(compilation-cpu (passes (pass cse)) (func-passes (pass a) (pass b {:x true})))"
    assert stages(block) == ["pass: func.func(a,b{x=true})", "pass: cse", "include: optimize"]


@pytest.mark.parametrize(
    ("block", "column", "message"),
    [
        ("(compilation-gpu rocm (passes (pass cse)))", 1, "the compilation block is for rocm"),
        ("(compilation (target cuda (pass cse)))", 1, "the compilation block is for cuda"),
        ("(compilation-cpu (passes (pass cse) (pass no-such-pass)))", 43,
         "MLIR has no pass 'no-such-pass'"),
    ],
)  # fmt: skip
def test_mistakes_in_a_compilation_block(block, column, message):
    payload = toolchain.lisp_payload(HEAD + block + FILLED, "t.lisp")
    with pytest.raises(UserError) as caught:
        toolchain.compile(payload)
    assert caught.value.message.startswith(message)
    assert str(caught.value.span) == f"t.lisp:2:{column}"


def test_a_pipeline_that_is_named_takes_the_place_of_the_block():
    payload = toolchain.lisp_payload(HEAD + "(compilation-gpu rocm (passes (pass x)))" + FILLED)
    request = toolchain.Request(pipeline="default")
    assert toolchain.settled(payload, request) is request


# -- names that nobody provides -------------------------------------------------------------------


def test_a_function_that_nobody_provides_is_found_before_the_program_runs():
    text = """(extern-fn nowhere_at_all (-> [i64] [i64]))
(defn main [] -> i64
  (print "never\\n")
  (func.return (call i64 nowhere_at_all 1)))"""
    payload = toolchain.lisp_payload(HEAD + text, "t.lisp")
    with pytest.raises(UserError) as caught:
        toolchain.compile(payload, toolchain.Request(pipeline="default"))
    assert caught.value.message.startswith("the function 'nowhere_at_all' is called but exists")
    assert str(caught.value.span) == "t.lisp:5:16"
