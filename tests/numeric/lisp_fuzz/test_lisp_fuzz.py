"""Whatever the text: a verified module, or errors with places, within two seconds.

10,000 inputs in all: programs of this repository with changes, and random forms made of their
words. A few hundred are tried each time, the others with the slow tests. Inputs are tried in child
processes, many in each, so that a crash names the input that made it.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lisp_mutations import mutated, vocabulary

from pharos import ir, toolchain
from pharos.core import settings as switches
from pharos.core.errors import ErrorList, UserError
from pharos.lisp import load_text, lower
from pharos.runtime.child import ChildDied, Report, in_child

CHANGED, RANDOM = 8_000, 2_000
BATCH = 250
LONGEST = 2.0  # seconds of processor time
HANGS = 60  # seconds, on a machine that does other things too


@pytest.fixture(scope="module", autouse=True)
def _warm():
    """What every input needs is loaded before the processes are forked; macros end soon."""
    with switches.scope(MACRO_SECONDS=1):
        tried("(require-dialect func arith) (defn main [] -> i64 (func.return (+ 1 2)))")
        yield


def tried(text: str) -> str | None:
    """What is wrong with how ``text`` ended; None for a module or errors with places."""
    start = time.process_time()
    found = None
    try:
        # Printing looks at all of the module.
        ir.to_text(lower(load_text(text, "fuzz.lisp", engine=toolchain.macro_engine())))
    except UserError as error:
        every = error.errors if isinstance(error, ErrorList) else [error]
        found = next((f"no place: {one}" for one in every if one.span is None), None)
    seconds = time.process_time() - start
    return found or (f"took {seconds:.1f} s" if seconds > LONGEST else None)


@dataclass(frozen=True)
class Input:
    """A text, and the folder that its paths start from."""

    number: int
    text: str
    folder: Path = Path("/")

    def __str__(self) -> str:
        return f"input {self.number}"


def failures(inputs: Sequence[Input]) -> list[str]:
    """What went wrong, for each of the inputs that ended otherwise than it may."""
    wrong, rest = [], list(inputs)
    while rest:
        found, rest = _in_one_child(rest)
        wrong += found
    return wrong


def _in_one_child(inputs: list[Input]) -> tuple[list[str], list[Input]]:
    """What went wrong, and the inputs behind one that ended the process."""

    def work(report: Report) -> list[str]:
        found = []
        for position, one in enumerate(inputs):
            report(str(position))
            problem = _guarded(one)
            if problem is not None:
                found.append(f"{one}: {problem}\n{one.text}")
        return found

    try:
        return in_child(work), []
    except ChildDied as death:
        at = int(death.step)
        before, _ = _in_one_child(inputs[:at])
        return [*before, f"{inputs[at]}: {death.status}\n{inputs[at].text}"], inputs[at + 1 :]


def _guarded(one: Input) -> str | None:
    os.chdir(one.folder)
    signal.alarm(HANGS)
    try:
        return tried(one.text)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def batches(total: int) -> list[object]:
    """The first batch is tried each time."""
    starts = range(0, total, BATCH)
    return [pytest.param(s, marks=[pytest.mark.slow] if s else []) for s in starts]


@pytest.mark.parametrize("first", batches(CHANGED))
def test_changed_programs(first: int) -> None:
    made = ((seed, *mutated(seed)) for seed in range(first, first + BATCH))
    assert failures([Input(seed, text, path.parent) for seed, path, text in made]) == []


@pytest.mark.parametrize("first", batches(RANDOM))
def test_random_forms(first: int) -> None:
    seeds = range(first, first + BATCH)
    assert failures([Input(seed, random_text(random.Random(seed))) for seed in seeds]) == []


HEAD = "(require-dialect func arith scf memref llvm linalg affine vector tensor math cf gpu)\n"


def random_text(choose: random.Random) -> str:
    """Some forms, some of them in a function."""
    forms = [random_form(choose, 4) for _ in range(choose.randrange(1, 5))]
    body = " ".join(forms)
    return HEAD + (f"(defn main [] {body} (func.return))" if choose.random() < 0.6 else body)


def random_form(choose: random.Random, depth: int) -> str:
    kind = choose.random()
    if depth == 0 or kind < 0.4:
        return choose.choice(vocabulary())
    items = [random_form(choose, depth - 1) for _ in range(choose.randrange(5))]
    if kind < 0.85:
        return f"({' '.join([choose.choice(vocabulary()), *items])})"
    if kind < 0.95:
        return f"[{' '.join(items)}]"
    return "{" + " ".join(f":{choose.choice(KEYS)} {item}" for item in items) + "}"


KEYS = ("result", "sym_name", "function_type", "callee", "value", "predicate", "map", "ins", "outs")

_atoms = st.sampled_from(
    [*KEYS, "x", "1", "-0.5", '"t"', ":k", "^b", "i64", "def", "let", "if", "do"]
)
_texts = st.recursive(
    _atoms,
    lambda forms: st.tuples(st.sampled_from(["()", "[]", "{}"]), st.lists(forms, max_size=4)).map(
        lambda pair: f"{pair[0][0]}{' '.join(pair[1])}{pair[0][1]}"
    ),
    max_leaves=15,
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
@given(_texts)
def test_forms_that_shrink(text: str) -> None:
    assert tried(f"{HEAD}(defn main [] {text} (func.return))") is None


def test_a_crash_names_its_input(monkeypatch) -> None:
    def crashing(text: str) -> str | None:
        if text == "bad":
            os.abort()
        return "told" if text == "odd" else None

    monkeypatch.setattr("test_lisp_fuzz.tried", crashing)
    inputs = [Input(i, text) for i, text in enumerate(("fine", "odd", "bad", "odd", "fine"))]
    found = failures(inputs)
    assert [text.split(":")[0] for text in found] == ["input 1", "input 2", "input 3"]
    assert "told" in found[0] and "signal SIGABRT" in found[1]
