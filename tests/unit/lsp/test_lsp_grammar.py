"""The TextMate grammar colours what the scanner of the language finds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from lsp_textmate import PATH, Grammar

from pharos.tools.language import words
from pharos.tools.language.scan import scan

ROOT = Path(__file__).parents[3]
FILES = sorted({*ROOT.glob("examples/**/*.lisp"), *ROOT.glob("pharos/**/*.lisp")})
EDITOR = ROOT / "editors/vscode"


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar()


def coloured(grammar: Grammar, text: str) -> list[tuple[str, str]]:
    return [(p.text, p.scope) for p in grammar.pieces(text) if p.scope and p.text.strip()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("; all of it (", [("; all of it (", "comment.line.semicolon")]),
        ("-1.5e3", [("-1.5e3", "constant.numeric")]),
        ("(+i 1 x-2)", [("+i", "support.function.macro"), ("1", "constant.numeric")]),
        ("memref<?x4xf32>", [("memref<", "storage.type"), ("?x4xf32", "storage.type")]),
        ("i32 !llvm.ptr", [("i32", "storage.type"), ("!llvm.ptr", "storage.type")]),
        ("index bf16", [("index", "storage.type"), ("bf16", "storage.type")]),
        ("i32x index_cast", []),
        (":result ^bb0 @f", [
            (":result", "entity.other.attribute-name"),
            ("^bb0", "entity.name.label"),
            ("@f", "variable.other.global"),
        ]),
        ("(: x i32)", [(":", "keyword.operator.type"), ("i32", "storage.type")]),
        ("(arith.addi a b)", [
            ("arith", "entity.name.namespace"),
            (".", "punctuation.accessor"),
            ("addi", "support.function.operation"),
        ]),
        ("(llvm.mlir.zero)", [
            ("llvm", "entity.name.namespace"),
            (".", "punctuation.accessor"),
            ("mlir.zero", "support.function.operation"),
        ]),
        ("(defn main [] -> i32", [
            ("defn", "storage.type.function"),
            ("main", "entity.name.function"),
            ("->", "keyword.operator.arrow"),
            ("i32", "storage.type"),
        ]),
        ("(def x true)", [
            ("def", "storage.type"),
            ("x", "variable.other.definition"),
            ("true", "constant.language"),
        ]),
        ("(def [a b] nil)", [("def", "keyword.control"), ("nil", "constant.language")]),
        ("(definitely x)", []),
        ("`(a ~b ~@c)", [(q, "keyword.operator.quote") for q in ("`", "~", "~@")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_sample_tokens(grammar, text, expected):
    found = (
        coloured(grammar, text)[: len(expected)] if "memref" in text else coloured(grammar, text)
    )
    assert found == [(piece, f"{scope}.lispier") for piece, scope in expected]


def test_a_type_is_one_stretch(grammar):
    for text in (
        "memref<8xf32, strided<[1], offset: ?>>",
        "affine_map<(d0, d1) -> (d1, d0 * 4 + 1)>",
        "affine_set<(d0) : (d0 - 2 >= 0)>",
        "!llvm.struct<(i64, ptr)>",
        "array<i32: 1, 0, 0>",
    ):
        pieces = list(grammar.pieces(f"{text} after"))
        typed = "".join(p.text for p in pieces if p.scope == "storage.type.lispier")
        assert typed == text
        assert pieces[-1].text == " after" or pieces[-1].scope == ""


def test_strings_go_over_lines_and_have_escapes(grammar):
    found = coloured(grammar, '"a\\"\n%5.2f b" c')
    assert [piece for piece, scope in found if "escape" in scope] == ['\\"']
    assert [piece for piece, scope in found if "placeholder" in scope] == ["%5.2f"]
    assert ("c", "string.quoted.double.lispier") not in found


TYPES = re.compile(r"^(i[0-9]+|index|f32|!llvm\.ptr)$|^.+<.")
# What the scanner calls a token, and how its scope starts.
KINDS = {
    "comment": "comment.",
    "number": "constant.numeric.",
    "keyword": "entity.other.attribute-name.",
    "label": "entity.name.label.",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_agrees_with_the_scanner(grammar, path):
    text = path.read_text(encoding="utf-8")
    scopes = {}
    for piece in grammar.pieces(text):
        for number in range(len(piece.text)):
            scopes[piece.line, piece.column + number] = piece.scope
    line = column = 0
    for token in scan(text):
        wanted = KINDS.get(token.kind)
        if token.kind == "symbol" and TYPES.search(token.text):
            wanted = "storage.type."
        if wanted is not None:
            assert scopes[line, column].startswith(wanted), (token, line + 1)
        if token.kind == "string":
            assert "lispier" in scopes[line, column]
        line += token.text.count("\n")
        column = len(token.text.rpartition("\n")[2]) + (0 if "\n" in token.text else column)


def test_every_word_of_the_language_is_coloured(grammar):
    for name in (*words.FORMS, *words.MACROS):
        if name in (":", "->"):
            continue
        found = coloured(grammar, f"({name} x y")
        assert found, name
        assert found[0][0] == name
        assert found[0][1].startswith(("keyword.control", "support.function.macro", "storage.type"))


def test_manifest_names_files_that_exist():
    manifest = json.loads((EDITOR / "package.json").read_text())
    contributes = manifest["contributes"]
    assert (EDITOR / manifest["main"]).is_file()
    assert (EDITOR / contributes["languages"][0]["configuration"]).is_file()
    (grammar,) = contributes["grammars"]
    assert (EDITOR / grammar["path"]).resolve() == PATH
    assert grammar["scopeName"] == json.loads(PATH.read_text())["scopeName"]
    assert contributes["languages"][0]["id"] == grammar["language"] == "lispier"
    json.loads((EDITOR / "language-configuration.json").read_text())
