"""The commands of the prompt, and its errors."""

from __future__ import annotations

import platform

import pytest

x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="assembly is shown on x86-64")


def test_type_runs_nothing(talk):
    assert talk("(arith.extsi {:result i64} (llvm.load {:result i32} (null-ptr)))", "type") == [
        "i64"
    ]
    assert talk("(arith.mului_extended (: 1 i32) (: 1 i32))", "type") == ["i32, i32"]
    talk("(defn half [(: a f32)] -> f32 (func.return (*f a (: 0.5 f32))))")
    assert talk("half", "type") == ["half : (f32) -> f32"]


def test_ir_of_a_form_and_of_a_function(talk):
    talk("(def x (: 5 i32))")
    (text,) = talk("(arith.addi x x)", "ir")
    assert "(%arg0: i32) -> i32" in text
    assert "arith.addi %arg0, %arg0 : i32" in text
    talk("(defn half [(: a f32)] -> f32 (func.return (*f a (: 0.5 f32))))")
    assert talk("half", "ir")[0].startswith("func.func @half(%arg0: f32) -> f32")
    assert talk("(defn g [] (func.return))", "ir")[0].startswith("func.func @g()")


def test_expand(talk):
    assert talk("(+i a (*i b c))", "expand") == ["(arith.addi a (arith.muli b c))"]


@x86
def test_asm(talk):
    talk("(defn triple [(: a i32)] -> i32 (func.return (arith.muli a (: 3 i32))))")
    (text,) = talk("triple", "asm")
    assert text.startswith("triple:\n    lea eax,[rdi+rdi*2]")
    assert text.endswith("ret")
    assert "ret" in talk("(arith.addi (: 1 i32) (: 2 i32))", "asm")[0]


@x86
def test_asm_names_what_is_called(talk):
    talk('(defn greet [] (print "hi") (func.return))')
    assert "; printf" in talk("greet", "asm")[0]


def test_time(talk, capfd):
    (text,) = talk('(do (print "once\\n"))', "time")
    assert " median " in text and "compiled in " in text
    assert capfd.readouterr().out.count("once") <= 1


def test_doc(talk):
    (operation,) = talk("memref.subview", "doc")
    assert operation.startswith("memref.subview: operation\n(memref.subview {:static_offsets ...")
    assert "operands: source: memref, offsets...: index" in operation
    assert "results: result: memref" in operation
    assert talk("when", "doc")[0].startswith("when: macro\n(when condition form...)")
    assert talk("def", "doc")[0].startswith("def: special form\n(def name value)")
    talk("(defn  odd-spacing  [] (func.return))")
    assert "(defn  odd-spacing  [] (func.return))" in talk("odd-spacing", "doc")[0]
    talk("(def xyz (: 5 i32))")
    assert talk("xyz", "doc") == ["xyz : i32, a value of this session"]


def test_doc_of_nothing(fresh_talk):
    (error,) = fresh_talk("arith.adi", "doc")
    assert error == "error: nothing is called 'arith.adi'\nhint: did you mean 'arith.andi'?"


def test_names_for_completion(talk):
    talk("(def my-value (: 5 i32))")
    (message,) = talk.commands.answer({"do": "names"})
    assert {"my-value", "defn", "when", "let"} <= set(message["words"])
    assert {"arith.addi", "scf.for", "llvm.load"} <= set(message["operations"])


ERRORS = [
    ("(arith.addi (: 1 i32) zz)", "<repl:1>:1:23: error: undefined symbol: zz"),
    ("\n\n  (arith.adi 1 2)", "<repl:1>:3:4: error: unknown operation 'arith.adi'"),
    ("(arith.addi (: 1 i32) (: 2 i64))", "<repl:1>:1:1: error: "),
    ("(call i32 nope)", "<repl:1>:1:"),
    ('"text"', "<repl:1>:1:1: error: expected a form that makes a value"),
    ("(func.return 5)", "<repl:1>:1:1: error: func.return stands at the end of a function"),
    ("(llvm.unreachable)", "<repl:1>:1:1: error: llvm.unreachable stands at the end of a block"),
    ("(defn f [] -> i32 (func.return (: 1 i64)))", "<repl:1>:1:19: error: "),
    ("(+i 1)", "<repl:1>:1:1: error: macro '+i': wrong number of arguments"),
    ("(", "<repl:1>:1:1: error: unclosed '('"),
    ("(a b]", "<repl:1>:1:5: error: unexpected ']'"),
    ("(def [a b] (: 1 i32))", "<repl:1>:1:12: error: result/binding count mismatch"),
]


@pytest.mark.parametrize(("line", "start"), ERRORS, ids=[line for line, _ in ERRORS])
def test_error_has_its_place(fresh_talk, line, start):
    (error,) = fresh_talk(line)
    assert error.startswith(start)
    assert "^" in error


def test_compilation_blocks_are_not_for_the_prompt(talk):
    assert talk("(compilation (target cpu (pass canonicalize)))(: 1 i8)") == [
        "the prompt compiles with the target's own passes, not with these",
        "1 : i8",
    ]


def test_function_name_is_no_value(fresh_talk):
    fresh_talk("(defn f [] (func.return))")
    (error,) = fresh_talk("f")
    assert error.startswith("<repl:2>:1:1: error: 'f' is a function, not a value")


def test_load_of_a_missing_file(fresh_talk):
    assert fresh_talk("/no/such/file.lisp", "load") == [
        "error: cannot read /no/such/file.lisp: No such file or directory"
    ]
