"""What the programs in this folder promise, and whether a run kept it. Standard library only.

The head of a program, its first lines of comments, says what is expected of it:

    ;; expect: TEXT        a line of standard output; several make several lines
    ;; error: 3:7 TEXT     an error at line 3, column 7 whose message contains TEXT; in order.
                           lib/a.lisp:3:7 for another file, - for an error without a place
    ;; says: TEXT          standard error contains TEXT (notes, hints, warnings)
    ;; status: N           exit status; 0 when not said, 1 when there is an error
    ;; args: A B           the program's arguments
    ;; check: ...          is checked, not run (programs for a GPU, programs without main)

Other comments are for people. Files in folders called lib belong to the programs beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent
_HEAD = re.compile(r";; (expect|error|says|status|args|check):(?: (.*))?$")
_PLACED = re.compile(r"(?:(?P<file>[\w./-]+):)?(?P<place>\d+:\d+|-) (?P<text>.+)")
_REPORTED = re.compile(r"^(?:(?P<file>[^\n:]+):(?P<place>\d+:\d+): )?error: ", re.MULTILINE)


@dataclass(frozen=True)
class Expected:
    """An error: its ``file`` ("" for the program's own), "line:column" or "-", part of its text."""

    file: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.place} {self.text}" if self.file else f"{self.place} {self.text}"


@dataclass(frozen=True)
class Case:
    """A program and what is expected of it."""

    path: Path
    output: str
    errors: tuple[Expected, ...]
    says: tuple[str, ...]
    status: int
    arguments: tuple[str, ...]
    runs: bool

    @property
    def name(self) -> str:
        """Section and file, such as ``05-special-forms/let-shadows``."""
        return str(self.path.relative_to(ROOT).with_suffix(""))


@dataclass(frozen=True)
class Outcome:
    """What a process left: its exit status and what it wrote."""

    status: int
    output: str
    errors: str


def cases() -> list[Case]:
    """All programs, by section and name."""
    files = (path for path in sorted(ROOT.rglob("*.lisp")) if "lib" not in path.parent.parts)
    return [read_case(path) for path in files]


def read_case(path: Path) -> Case:
    """The program at ``path``. ValueError for a head that cannot be understood."""
    said: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(";;"):
            break
        found = _HEAD.match(line)
        if found is not None:
            said.setdefault(found[1], []).append(found[2] or "")
    errors = tuple(_expected(text, path) for text in said.get("error", []))
    if not said.keys() & {"expect", "error", "status", "check"}:
        raise ValueError(f"{path}: its head does not say what is expected")
    return Case(
        path,
        "".join(f"{line}\n" for line in said.get("expect", [])),
        errors,
        tuple(said.get("says", [])),
        int(said.get("status", ["1" if errors else "0"])[0]),
        tuple(said.get("args", [""])[0].split()),
        "check" not in said,
    )


def _expected(text: str, path: Path) -> Expected:
    found = _PLACED.fullmatch(text)
    if found is None:
        raise ValueError(f"{path}: expected ';; error: LINE:COLUMN TEXT', found '{text}'")
    return Expected(found["file"] or "", found["place"], found["text"])


def complaints(case: Case, outcome: Outcome, *, places: bool = True) -> Iterator[str]:
    """What is wrong with ``outcome``, a sentence each. ``places``: errors must have the right ones.

    A program that is only checked may print what it likes.
    """
    if outcome.status != case.status:
        yield f"expected exit status {case.status}, found {outcome.status}"
    if case.runs and outcome.output != case.output:
        yield f"expected the output {case.output!r}, found {outcome.output!r}"
    yield from _wrong_errors(case, outcome, places)
    for text in case.says:
        if text not in outcome.errors:
            yield f"expected '{text}' on stderr"
    if "Traceback (most recent call last)" in outcome.errors:
        yield "expected no traceback"


def _wrong_errors(case: Case, outcome: Outcome, places: bool) -> Iterator[str]:
    reported = list(_errors(outcome.errors))
    if not places:
        for expected in case.errors:
            if expected.text not in outcome.errors:
                yield f"expected an error that says '{expected.text}'"
        return
    if len(reported) != len(case.errors):
        yield f"expected {len(case.errors)} errors, found {len(reported)}"
    for expected, (file, place, text) in zip(case.errors, reported, strict=False):
        if place != expected.place or not _same(file, expected, case):
            yield f"expected the error at {expected}, found it at {file}:{place}"
        if expected.text not in text:
            yield f"expected the error '{expected}', found '{text.strip()}'"


def _same(file: str, expected: Expected, case: Case) -> bool:
    """Whether ``file`` is where the error is expected; one without a place is in no file."""
    return expected.place == "-" or file.endswith(expected.file or case.path.name)


def _errors(text: str) -> Iterator[tuple[str, str, str]]:
    """(file, "line:column", message with what follows) of each error in ``text``."""
    found = list(_REPORTED.finditer(text))
    for one, after in zip(found, [*found[1:], None], strict=False):
        end = after.start() if after is not None else len(text)
        yield one["file"] or "", one["place"] or "-", text[one.end() : end]
