"""The language server, driven by a scripted editor."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from lsp_editor import Editor

GOOD = """\
(require-dialect arith func memref)
(require ["low.lisp" :as low])

; Doubles.
; Twice.
(defn twice [(: a i32)] -> i32
  (def b (arith.addi a a))
  (func.return b))

(defstruct Point [x f32] [y f64])

(defn main [] -> i32
  (def [lo hi] (arith.mului_extended (: 1 i32) 2))
  (def p (new Point))
  (Point/x! p (: 1.0 f32))
  (let [z (call i32 twice lo)]
    (def w (+i z (call i32 low/three))))
  (func.return hi))
"""
LOW = "(require-dialect func)\n\n(defn three [] -> i32 (func.return (: 3 i32)))\n"


@pytest.fixture(scope="module")
def good(editor):
    """An open file without mistakes; what it requires is on disk."""
    (editor.folder / "low.lisp").write_text(LOW)
    assert editor.open("good.lisp", GOOD) == []
    return "good.lisp"


def place(text: str, wanted: str, nth: int = 0) -> tuple[int, int]:
    """Line and column, from 0, of the ``nth`` time that ``wanted`` stands in ``text``."""
    offset = -1
    for _ in range(nth + 1):
        offset = text.index(wanted, offset + 1)
    return text.count("\n", 0, offset), offset - (text.rfind("\n", 0, offset) + 1)


def test_what_the_server_offers(editor):
    offered = editor.capabilities
    for name in ("hover", "definition", "documentSymbol", "documentFormatting"):
        assert offered[f"{name}Provider"], name
    assert "." in offered["completionProvider"]["triggerCharacters"]


# -- diagnostics ----------------------------------------------------------------------------------


def test_all_mistakes_with_their_ranges(editor):
    text = (
        "(require-dialect arith func)\n"
        "(defn f [(: a i32)] -> i32\n"
        "  (arith.addi a zz)\n"
        "  (func.return (arith.adi a a)))\n"
        "(defn g [] (+i 1) (func.return))\n"
    )
    found = editor.open("wrong.lisp", text)
    assert sorted((d["range"]["start"]["line"], d["message"].split("\n")[0]) for d in found) == [
        (2, "undefined symbol: zz"),
        (3, "unknown operation 'arith.adi'"),
        (4, "macro '+i': wrong number of arguments, expected 2, got 1"),
    ]
    zz = next(d for d in found if "zz" in d["message"])
    assert zz["range"] == {
        "start": {"line": 2, "character": 16},
        "end": {"line": 2, "character": 18},
    }
    assert (zz["severity"], zz["source"]) == (1, "lispier")
    assert any("hint: did you mean 'arith.andi'?" in d["message"] for d in found)


def test_mistakes_go_when_the_text_is_mended(editor):
    assert len(editor.open("mended.lisp", "(require-dialect func)\n(defn f [] (x))")) == 1
    assert editor.change("mended.lisp", "(require-dialect func)\n(defn f [] (func.return))") == []


def test_verifier_finds_what_lowering_does_not(editor):
    text = "(require-dialect func)\n(defn f [] -> i32\n  (func.return (: 1 i64)))"
    (found,) = editor.open("verify.lisp", text)
    assert found["range"]["start"] == {"line": 2, "character": 2}


def test_function_that_exists_nowhere(editor):
    text = (
        "(require-dialect func)\n(extern-fn no_such_c_function (-> [] []))\n"
        "(defn f [] (call! no_such_c_function) (func.return))"
    )
    (found,) = editor.open("missing.lisp", text)
    assert "'no_such_c_function' is declared and used but exists nowhere" in found["message"]
    assert found["range"]["start"]["line"] == 1


def test_pass_that_does_not_exist(editor):
    text = "(compilation (target cpu (pass canonicalise)))"
    (found,) = editor.open("passes.lisp", text)
    assert found["message"].endswith("hint: did you mean 'canonicalize'?")
    assert found["range"]["start"] == {"line": 0, "character": 31}


def test_mistake_inside_an_expansion_names_the_macro(editor):
    text = (
        "(require-dialect func arith)\n"
        "(defn one [(: args !llvm.ptr)] -> !llvm.ptr (func.return `(arith.addi ~@args)))\n"
        "(defmacro one)\n"
        "(defn f [] (one (: 1 i32)) (func.return))\n"
    )
    (found,) = editor.open("macro.lisp", text)
    assert found["range"]["start"] == {"line": 3, "character": 11}
    (related,) = found["relatedInformation"]
    assert related["message"] == "in the expansion of macro 'one', written here"
    assert related["location"]["range"]["start"] == {"line": 1, "character": 6}


def test_mistake_in_a_required_file_stands_there(editor):
    (editor.folder / "bad.lisp").write_text("(require-dialect func)\n(defn f [] (oops))\n")
    assert editor.open("user.lisp", '(require ["bad.lisp" :as b])') == []
    (found,) = editor.wait_for("bad.lisp")
    assert found["range"]["start"] == {"line": 1, "character": 12}
    (editor.folder / "bad.lisp").write_text("(require-dialect func)\n(defn f [] (func.return))\n")
    editor.diagnostics.pop(editor.uri("bad.lisp"))
    assert editor.save("user.lisp") == []
    assert editor.wait_for("bad.lisp") == []


def test_unsaved_text_of_a_required_file_counts(editor):
    (editor.folder / "unsaved.lisp").write_text("(this is not right")
    text = "(require-dialect func)\n(defn f [] (func.return))"
    assert editor.open("unsaved.lisp", text) == []
    assert editor.open("sees.lisp", '(require ["unsaved.lisp" :as u])') == []


def test_notes_are_related_places(editor):
    text = "(require-dialect func)\n(defn f [] (func.return))\n(defn f [] (func.return))"
    (found,) = editor.open("twice.lisp", text)
    (related,) = found["relatedInformation"]
    assert related["message"] == "the first time"
    assert related["location"]["range"]["start"]["line"] == 1


def test_columns_are_counted_in_utf_16(editor):
    text = '(require-dialect func)\n(defn f [] (print "𝔸𝔸" zz) (func.return))'
    (found,) = editor.open("wide.lisp", text)
    assert found["range"]["start"] == {"line": 1, "character": 25}


def test_missing_file_is_at_the_require(editor):
    (found,) = editor.open("lost.lisp", '(require-dialect func)\n(require ["nope.lisp" :as n])')
    assert found["message"].startswith("file not found: ")
    assert found["range"]["start"] == {"line": 1, "character": 10}


# -- hover ----------------------------------------------------------------------------------------


def test_hover_on_an_operation(editor, good):
    text = editor.hover(good, *place(GOOD, "arith.addi"))
    assert text.startswith("```lispier\nvalue : i32\n```\n\n```lispier\n(arith.addi lhs rhs)")
    assert "Performs N-bit addition" in text


@pytest.mark.parametrize(
    ("word", "nth", "shown"),
    [
        ("b)", 0, "b : i32"),
        ("a a)", 0, "a : i32"),
        ("hi)", 0, "hi : i32"),
        ("lo)", 0, "lo : i32"),
        ("z (call i32 low", 0, "z : i32"),
        ("p (: 1.0", 0, "p : !llvm.ptr"),
        ("w (+i", 0, "w : i32"),
    ],
)
def test_hover_on_a_name_gives_its_type(editor, good, word, nth, shown):
    assert editor.hover(good, *place(GOOD, word, nth)) == f"```lispier\n{shown}\n```"


def test_hover_on_a_function(editor, good):
    text = editor.hover(good, *place(GOOD, "twice lo"))
    assert text.startswith("```lispier\ntwice [(: a i32)] -> i32\n```\n\n*function* in ")
    assert text.endswith("good.lisp:6\n\nDoubles.\nTwice.")
    assert "three [] -> i32" in editor.hover(good, *place(GOOD, "low/three"))


def test_hover_on_a_macro_shows_what_it_becomes(editor, good):
    text = editor.hover(good, *place(GOOD, "+i z"))
    assert "(+i a b)\n```\n\n*macro*\n\nInteger sum." in text
    assert "expands to\n```lispier\n(arith.addi z (func.call {:callee @three" in text


def test_hover_on_the_prelude(editor):
    text = (
        "(require-dialect func)\n(defn f [(: a i32)] -> i32\n"
        "  (func.return (for {:result i32} [i 0 10] [s a] (+ s 1))))"
    )
    editor.open("prelude.lisp", text)
    assert editor.hover("prelude.lisp", *place(text, "i 0")) == "```lispier\ni : index\n```"
    assert editor.hover("prelude.lisp", *place(text, "s 1")) == "```lispier\ns : i32\n```"
    plus = editor.hover("prelude.lisp", *place(text, "+ s"))
    assert plus.startswith("```lispier\nvalue : i32\n```\n\n```lispier\n(+ a...)")
    assert "expands to\n```lispier\n(scf.for" in editor.hover("prelude.lisp", *place(text, "for {"))


def test_hover_on_nothing(editor, good):
    assert editor.hover(good, 2, 0) == ""
    assert editor.hover(good, 500, 500) == ""


# -- definitions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "nth", "target"),
    [
        ("b)", 0, ("good.lisp", 6, 7)),
        ("a a)", 0, ("good.lisp", 5, 16)),
        ("twice lo", 0, ("good.lisp", 5, 6)),
        ("low/three", 0, ("low.lisp", 2, 6)),
        ("hi)", 0, ("good.lisp", 12, 11)),
        ("z (call i32 low", 0, ("good.lisp", 15, 8)),
        ("Point/x!", 0, ("good.lisp", 9, 18)),
        ("Point))", 0, ("good.lisp", 9, 11)),
        ('"low.lisp"', 0, ("low.lisp", 0, 0)),
    ],
)
def test_go_to_definition(editor, good, word, nth, target):
    assert editor.definition(good, *place(GOOD, word, nth)) == target


def test_operations_are_defined_nowhere(editor, good):
    assert editor.definition(good, *place(GOOD, "arith.addi")) is None


def test_go_to_a_block(editor):
    body = (
        '(require-dialect func cf)\n(func.func {:sym_name "f" :function_type (-> [] [i64])}\n'
        "  (region\n    (block [] (cf.br ^end (: 1 i64)))\n"
        "    (block ^end [(: x i64)] (func.return x))))"
    )
    editor.open("blocks.lisp", body)
    assert editor.definition("blocks.lisp", *place(body, "^end (: 1")) == ("blocks.lisp", 4, 11)
    assert editor.definition("blocks.lisp", *place(body, "x)")) == ("blocks.lisp", 4, 20)


# -- completion -----------------------------------------------------------------------------------


def test_complete_operations_of_required_dialects(editor):
    text = "(require-dialect [arith :as a] func)\n(defn f [(: count i32)] -> i32 (arith.ad"
    editor.open("complete.lisp", text)
    found = editor.complete("complete.lisp", 1, len(text.split("\n")[1]))
    assert {"arith.addi", "arith.addf"} <= set(found)
    assert found["arith.addi"]["textEdit"]["range"]["start"]["character"] == 33 - 1
    editor.change("complete.lisp", text.replace("arith.ad", "a/ad"))
    found = editor.complete("complete.lisp", 1, len(text.split("\n")[1]) - 4)
    assert "a/addi" in found
    editor.change("complete.lisp", text.replace("arith.ad", "memref.l"))
    assert editor.complete("complete.lisp", 1, len(text.split("\n")[1])) == {}


def test_complete_names_macros_keys_and_dialects(editor):
    text = "(require-dialect func arith)\n(defn f [(: count i32)] -> i32\n  (def cost count)\n  (X"
    editor.open("names.lisp", text.replace("(X", "(arith.addi co"))
    found = editor.complete("names.lisp", 3, 16)
    assert found["count"]["detail"] == "i32"
    assert set(found) == {"count", "cost"}
    editor.change("names.lisp", text.replace("(X", "(wh"))
    assert "when" in editor.complete("names.lisp", 3, 5)
    editor.change("names.lisp", text.replace("(X", "(arith.cmpi {:"))
    assert {":predicate", ":result"} <= set(editor.complete("names.lisp", 3, 16))
    editor.change("names.lisp", "(require-dialect ar")
    assert "arith" in editor.complete("names.lisp", 0, 19)
    editor.change("names.lisp", "(defn g [] (func.return)) (func.call {:callee @")
    assert "@g" in editor.complete("names.lisp", 0, 47)


# -- the rest -------------------------------------------------------------------------------------


def test_symbols(editor, good):
    found = editor.request("textDocument/documentSymbol", textDocument={"uri": editor.uri(good)})
    assert [(s["name"], s["kind"]) for s in found] == [("twice", 12), ("Point", 23), ("main", 12)]
    assert [(s["name"], s["detail"]) for s in found[1]["children"]] == [("x", "f32"), ("y", "f64")]
    assert found[0]["selectionRange"]["start"] == {"line": 5, "character": 6}


def test_formatting(editor):
    editor.open("ugly.lisp", "(require-dialect   func)\n\n\n(defn f []\n(func.return))")
    edits = editor.request(
        "textDocument/formatting",
        textDocument={"uri": editor.uri("ugly.lisp")},
        options={"tabSize": 2, "insertSpaces": True},
    )
    (edit,) = edits
    assert edit["newText"].startswith("(require-dialect func)\n\n(defn f []\n  (func.return))")


def test_text_that_cannot_be_read_is_not_formatted(editor):
    editor.open("open.lisp", "(defn f [")
    result = editor.request(
        "textDocument/formatting",
        textDocument={"uri": editor.uri("open.lisp")},
        options={"tabSize": 2, "insertSpaces": True},
    )
    assert result is None
    while not editor.messages:
        editor._receive()
    assert editor.messages[-1].startswith("not formatted: unclosed ")


def test_half_typed_text_never_hurts(editor, good):
    """Every prefix of a program, and mutations of it: each request is answered."""
    draw = random.Random(7)
    editor.open("half.lisp", "")
    for _ in range(25):
        end = draw.randrange(len(GOOD))
        text = GOOD[:end] + draw.choice(["", "(", ")", '"', "<", "{:", "`~", "\n(", "^"])
        editor.type("half.lisp", text)
        line, column = text.count("\n"), len(text) - (text.rfind("\n") + 1)
        for method in ("hover", "definition", "completion"):
            editor.request(f"textDocument/{method}", **editor.at("half.lisp", line, column))
        editor.request("textDocument/documentSymbol", textDocument={"uri": editor.uri("half.lisp")})
    assert editor.change("half.lisp", GOOD) == []


def test_death_of_the_analyst(editor):
    assert editor.open("before.lisp", "(require-dialect func)") == []
    for pid in _children(editor.process.pid):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    (found,) = editor.open("after.lisp", "(require-dialect func)")
    assert "the analyst ended" in found["message"]
    assert editor.change("after.lisp", "(require-dialect func arith)") == []


def test_shutdown(tmp_path):
    own = Editor(tmp_path)
    own.open("x.lisp", "(oops)")
    children = _children(own.process.pid)
    assert own.quit() == 0
    assert children
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def _children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
