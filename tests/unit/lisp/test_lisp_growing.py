"""Programs that grow text by text, and programs whose texts are somewhere else than on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from pharos.core.errors import UserError
from pharos.core.files import text_of
from pharos.lisp import to_text
from pharos.lisp.growing import Growing
from pharos.lisp.loading import Loader
from pharos.lisp.problems import Problems
from pharos.lisp.program import Program


def texts(forms) -> list[str]:
    return [to_text(form) for form in forms]


def test_what_a_text_declares_holds_for_the_next() -> None:
    growing = Growing("<test>", dialects=("arith",))
    assert growing.dialects == ["arith"]
    assert growing.take("(require-dialect [math :as m]) (defstruct P [x i64])", "1") == []
    assert growing.full_name("m/exp") == "math.exp"
    assert growing.full_name("nope.exp") == "nope.exp"
    assert "P/x" in growing.macros
    assert texts(growing.take("(m/exp (P/x p))", "2"))[0].startswith("(math.exp (llvm.load")


def test_a_printed_string_is_made_once() -> None:
    growing = Growing("<test>")
    assert len(growing.take('(print "a")', "1")) == 2
    assert len(growing.take('(print "a")', "2")) == 1
    assert growing.program.needed == {"printf"}


def test_a_mistake_leaves_what_was_there() -> None:
    growing = Growing("<test>")
    growing.take("(defstruct P [x i64])", "1")
    with pytest.raises(UserError, match="unclosed"):
        growing.take("(f", "2")
    assert "P/x" in growing.macros


def test_a_required_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.lisp"
    growing = Growing("<test>")
    for text in ("(f 1)", "(f 2)"):
        file.write_text(text)
        assert texts(growing.take('(require ["a.lisp" :as a])', "1", folder=str(tmp_path))) == [
            text
        ]


def test_a_loader_takes_texts_from_elsewhere_and_keeps_mistakes(tmp_path: Path) -> None:
    (tmp_path / "b.lisp").write_text("(on-disk)")
    held = {
        str(tmp_path / "a.lisp"): '(require ["b.lisp" :as b] ["gone.lisp" :as g]) (when) (fine)',
    }
    problems = Problems()
    loader = Loader(
        Program("a"),
        tmp_path,
        text_of=lambda path, span: held.get(path) or text_of(path, span),
        problems=problems,
    )
    loader.load_file(str(tmp_path / "a.lisp"), None)
    assert texts(loader.program.forms) == ["(on-disk)", "(fine)"]
    assert [error.message.split(":")[0] for error in problems.errors] == [
        "file not found",
        "macro 'when'",
    ]
    # A file that could not be read may be there the next time.
    (tmp_path / "gone.lisp").write_text("(back)")
    loader.load_file(str(tmp_path / "gone.lisp"), None)
    assert texts(loader.program.forms)[-1] == "(back)"
