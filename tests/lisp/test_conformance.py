"""Every program of the suite does what its head says.

``run.py`` starts a process for each program; here each runs the command in a fork of this
process, which has loaded MLIR before, so that the suite takes seconds.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conformance import ROOT, Case, Outcome, cases, complaints, read_case

from pharos.core import settings
from pharos.runtime.child import ChildDied, Report, in_child

CASES = cases()
RUN = [case for case in CASES if case.runs]
EVERY = 5
_LONGEST = 60  # seconds


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Load what every program needs, so that the forks share it."""
    warm(tmp_path_factory.mktemp("warm"))


def warm(folder: Path) -> None:
    from pharos import toolchain
    from pharos.tools.lispier import cli

    program = folder / "warm.lisp"
    program.write_text("(require-dialect func) (defn main [] -> i64 (func.return 1))")
    with settings.scope(CACHE=folder):
        toolchain.build(toolchain.read_payload(program), fresh=True)
        with pytest.raises(SystemExit):
            cli.main(["run", str(program)])
    gc.freeze()  # a collection in a fork would touch, and so copy, every page


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_program(case: Case, tmp_path: Path) -> None:
    with settings.scope(CACHE=tmp_path / "cache", REPRODUCERS=tmp_path / "reproducers"):
        outcome = _in_fork(case, tmp_path)
    wrong = list(complaints(case, outcome))
    assert not wrong, "\n".join([*wrong, outcome.errors])


@pytest.mark.parametrize("case", RUN[::EVERY], ids=lambda case: case.name)
def test_program_is_the_same_however_it_starts(case: Case, tmp_path: Path) -> None:
    """Options that say nothing new take the way through typer, and the program is loaded; without
    them it starts at once, the second time with what the cache remembers."""

    def outcome(name: str, cache: str, *options: str) -> Outcome:
        (tmp_path / name).mkdir()
        with settings.scope(CACHE=tmp_path / cache, REPRODUCERS=tmp_path / "reproducers"):
            return _in_fork(case, tmp_path / name, options)

    slow = outcome("slow", "one", "--target", "cpu")
    assert outcome("first", "other") == slow
    assert outcome("second", "other") == slow


def _in_fork(case: Case, folder: Path, options: Sequence[str] = ()) -> Outcome:
    """What ``lispier run``, or ``check``, does with the program."""
    path = str(case.path.relative_to(ROOT))
    command = ["run" if case.runs else "check", *options, path, *case.arguments]
    try:
        status = in_child(_command(command, folder))
    except ChildDied as death:
        # The program ended its process: by itself, or killed by a signal.
        status = death.code if death.code is not None else -1
    texts = [(folder / name).read_bytes().decode("utf-8", "replace") for name in ("out", "err")]
    return Outcome(status, *texts)


def _command(arguments: list[str], folder: Path) -> Callable[[Report], int]:
    def work(report: Report) -> int:
        from pharos.tools.lispier import cli

        signal.alarm(_LONGEST)
        os.chdir(ROOT)
        _redirect(folder)
        try:
            cli.main(arguments)
        except SystemExit as left:
            return left.code if isinstance(left.code, int) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()

    return work


def _redirect(folder: Path) -> None:
    """Standard input is empty, output and errors go to files, for Python and for C."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    os.dup2(os.open(folder / "out", flags), 1)
    os.dup2(os.open(folder / "err", flags), 2)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def test_every_section_has_programs() -> None:
    sections = Counter(case.path.relative_to(ROOT).parts[0] for case in CASES)
    assert sections.total() >= 150
    assert {name[:2] for name in sections} >= {f"{n:02}" for n in (*range(2, 13), 14, 15)}
    assert min(sections.values()) >= 5


def test_the_judge_finds_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.ROOT", tmp_path)
    path = tmp_path / "a.lisp"
    path.write_text(";; expect: 3\n;; says: hint\n(f)\n;; error: 1:1 no\n")
    case = read_case(path)
    assert not list(complaints(case, Outcome(0, "3\n", "a hint")))
    assert list(complaints(case, Outcome(1, "4\n", ""))) == [
        "expected exit status 0, found 1",
        "expected the output '3\\n', found '4\\n'",
        "expected 'hint' on stderr",
    ]
    path.write_text(";; error: 3:7 undefined\n;; error: lib/b.lisp:1:2 far\n;; error: - none\n")
    case = read_case(path)
    good = "x/a.lisp:3:7: error: undefined symbol\n  (f)\nx/lib/b.lisp:1:2: error: far\nerror: none"
    assert not list(complaints(case, Outcome(1, "", good)))
    assert list(complaints(case, Outcome(1, "", good.replace("3:7", "3:8")))) == [
        "expected the error at 3:7 undefined, found it at x/a.lisp:3:8"
    ]
    assert list(complaints(case, Outcome(1, "", good.replace("far", "near")))) == [
        "expected the error 'lib/b.lisp:1:2 far', found 'near'"
    ]
    assert list(complaints(case, Outcome(1, "", "a.lisp:3:7: error: undefined"))) == [
        "expected 3 errors, found 1"
    ]
    assert list(complaints(case, Outcome(1, "", "undefined, far"), places=False)) == [
        "expected an error that says 'none'"
    ]


@pytest.mark.parametrize("text", ["(f)\n", ";; error: 3 x\n", ";; error: 3:x\n", ";; hm: 3\n"])
def test_a_head_that_promises_nothing_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.lisp"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"a\.lisp: "):
        read_case(path)
