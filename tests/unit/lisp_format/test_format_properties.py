"""What holds for every text: the same values, every comment, and formatting twice is once."""

from __future__ import annotations

import functools
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pharos.lisp.format import format_text
from pharos.lisp.format.lines import WIDTH
from pharos.lisp.namespaces import Namespaces
from pharos.lisp.reader import read
from pharos.lisp.tokens import Source, Token, tokenize

ROOT = Path(__file__).parents[3]
PROGRAMS = [ROOT / "pharos/models/gpt2/forward.lisp", ROOT / "examples/gpt2/generate.lisp"]

# Texts of forms are lists of tokens; blanks and comments are put between them afterwards.
HEADS = """
    defn def let when while for if cond loop do region block module defstruct deftype -> f
    arith.addi scf.for linalg.generic print compilation target !t a/b
"""
WORDS = "x long-name -5 1e999 0.25 :key ^label true nil ... @f : -> %"
STRINGS = ['"text"', '""', '"a;b"', '"two\nlines; (too"', '"\\""', '"' + "long " * 25 + '."']
ATOMS = [
    *WORDS.split(),
    "memref<4x?xf32>",
    "array<i64:\n1,\t2>",
    "!llvm.struct<" + "(i32, i64), " * 9 + "ptr>",
    *STRINGS,
]
atoms = st.sampled_from(ATOMS).map(lambda text: [text])
keywords = st.sampled_from([":result", ":a", ":a-rather-long-key"]).map(lambda text: [text])


def joined(parts: list[list[str]]) -> list[str]:
    return [token for part in parts for token in part]


def bracketed(opening: str, closing: str, inside: st.SearchStrategy[list[str]]):
    return inside.map(lambda tokens: [opening, *tokens, closing])


def larger(forms: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    several = st.lists(forms, max_size=5).map(joined)
    entries = st.lists(st.tuples(keywords, forms).map(list).map(joined), max_size=3).map(joined)
    maps = bracketed("{", "}", entries)
    vectors = bracketed("[", "]", several)
    heads = st.sampled_from(HEADS.split()).map(lambda text: [text])
    first = st.one_of(maps, vectors, forms, st.just([]))
    calls = st.tuples(heads, first, several).map(list).map(joined)
    quoted = st.tuples(st.sampled_from(["`", "~", "~@"]), forms).map(lambda p: [p[0], *p[1]])
    lists = bracketed("(", ")", st.one_of(calls, calls, several))
    return st.one_of(lists, lists, lists, vectors, maps, quoted)


forms = st.recursive(atoms, larger, max_leaves=25)
files = st.lists(forms, max_size=4).map(joined)
blanks = st.sampled_from(
    [" "] * 6 + ["\n", "\n  ", "\n\n\n", "\r\n\t", " ; note\n", "\n;; of its own\n", "\n\n;\n\n"]
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A file: random tokens with random blanks and comments between them."""
    tokens = draw(files)
    gaps = draw(st.lists(blanks, min_size=len(tokens) + 1, max_size=len(tokens) + 1))
    return gaps[0] + "".join(token + gap for token, gap in zip(tokens, gaps[1:], strict=True))


def values(text: str) -> list:
    return read(text, "<test>", namespaces=Namespaces(lenient=True))


@functools.cache
def program(path: Path) -> tuple[str, list]:
    text = path.read_text()
    return text, values(text)


def tokens_of(text: str) -> list[Token]:
    return list(tokenize(Source(text, "<test>")))


def comments(text: str) -> Counter[str]:
    """The comments of ``text``, each as often as it stands there."""
    gaps, at = [], 0
    for token in tokens_of(text):
        gaps.append(text[at : token.start])
        at = token.end
    return Counter(c.rstrip() for gap in [*gaps, text[at:]] for c in re.findall(";[^\n]*", gap))


def check(text: str) -> str:
    """Format ``text`` and hold the result against it."""
    result = format_text(text, "<test>")
    assert format_text(result, "<test>") == result
    assert comments(result) == comments(text)
    return result


quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    report_multiple_bugs=False,
)


@quick
@given(texts())
def test_any_text_keeps_its_values_and_comments(text: str) -> None:
    result = check(text)
    assert repr(values(result)) == repr(values(text))


@quick
@given(texts())
def test_the_result_is_tidy(text: str) -> None:
    result = format_text(text, "<test>")
    assert not result or (result.endswith("\n") and not result.startswith("\n"))
    assert "\n\n\n" not in result
    assert not [line for line in result.split("\n") if line.endswith(" ")]
    atoms_only = re.sub(r'"(?:[^"\\]|\\.)*"|<.*>', "_", result)
    assert not re.search(r"[(\[{] +[^ ;]|[^\n ] +[)\]}]|\t|\r", re.sub(";.*", ";", atoms_only))


@quick
@given(st.integers(0, 1), st.randoms(use_true_random=False))
def test_programs_with_other_blanks_and_more_comments(number: int, random) -> None:
    text, forms = program(PROGRAMS[number])
    start = random.randrange(len(forms))
    chosen = forms[start : start + 3]
    lines = text.split("\n")[chosen[0].span.line - 1 : chosen[-1].span.end_line]
    mutated = "".join(
        token.text + random.choice([" "] * 9 + ["\n", "\n\n\n   ", "\t", f" ; {token.start}\n"])
        for token in tokens_of("\n".join(lines))
    )
    result = check(mutated)
    assert repr(values(result)) == repr(values("\n".join(lines)))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_programs_on_one_line_fit_the_page_again(path: Path) -> None:
    text = path.read_text()
    line = " ".join(token.text for token in tokens_of(text))
    result = format_text(line, "<test>")
    assert max(map(len, result.split("\n"))) <= WIDTH
    assert repr(values(result)) == repr(values(text))
    assert format_text(result, "<test>") == result
