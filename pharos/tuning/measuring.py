"""Candidates compiled, checked and timed in processes of their own."""

from __future__ import annotations

import contextlib
import importlib
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pharos.core import settings
from pharos.core.errors import InternalError, PharosError, UserError
from pharos.runtime.benchmark import Timing, interleaved
from pharos.runtime.child import Report, in_child
from pharos.toolchain import Payload, Request, build
from pharos.tuning.judging import AGAIN, CHOICE, compared
from pharos.tuning.outcomes import CRASHED, FAILED, MEASURED, REFUSED, WRONG, Outcome, Values
from pharos.tuning.survey import Survey, Tunable

T = TypeVar("T")
Work = Callable[[Report], T]
_ROUNDS, _SECONDS = 9, 0.6  # of a candidate's turns beside the choice
_LAST_ROUNDS = 60
_OURS = {"pharos", "torch_mlir", "llvmlite", "numpy", "ml_dtypes", "yaml"}
_PLAIN_SECONDS = 5  # for the result of plain loops, before the choice's is taken instead


class Contestant(Protocol):
    """A bound call with memory of its own, whose outputs held what no right result holds."""

    def __call__(self) -> object:
        """Run the code."""

    def results(self) -> Any:
        """Run it, and a copy of what it gave, which can be pickled."""


class Subject(Protocol):
    """A payload with inputs for one call of it."""

    @property
    def payload(self) -> Payload:
        """What is compiled."""

    def bind(self, artifact: Any) -> Contestant:
        """The call, with the code of ``artifact``."""

    def reference(self) -> tuple[Any, str] | None:
        """The results of something that shares nothing with the code, and its name; None where
        there is no such thing."""

    def wrong(self, found: Any, expected: Any) -> str:
        """What is wrong with the results ``found``; "" when nothing is."""


def preload(modules: Iterable[str]) -> None:
    """Import here what a child had to import, so that the next ones have it."""
    for name in modules:
        if name.partition(".")[0] in _OURS and name not in sys.modules:
            with contextlib.suppress(Exception):  # some can only be imported from within others
                importlib.import_module(name)


class Wrong(InternalError):
    """A candidate's result is not what it should be: a bug of ours, which no time makes good."""


@dataclass
class ChildMeasurer:
    """Measures candidates of the ``survey``, with ``request`` as it is for everything else.

    ``isolated(payload, request, work)`` calls ``work`` in a child process; code is kept in
    ``folder``. ``checked_by`` tells what results are compared with.
    """

    subject: Subject
    request: Request
    survey: Survey
    isolated: Callable[[Payload, Request | None, Work[Any]], Any]
    folder: Path
    checked_by: str = ""
    _expected: Any = None

    def find_expected(self) -> None:
        """Find the results that all candidates must have; the selectors' choices are the first to
        be compared. Raises what compiling and calling them raises, and InternalError when their
        results are wrong."""
        payload, choice = self.subject.payload, self._asking({})
        expected = self.isolated(payload, None, lambda report: self.subject.reference())
        expected = expected or self._plain()

        def work(report: Report) -> tuple[Any, list[str]]:
            return self._results(choice, report), sorted(sys.modules)

        found, modules = self.isolated(payload, choice, work)
        preload(modules)
        self._expected, self.checked_by = expected or (found, "the selectors' choices")
        if problem := self.subject.wrong(found, self._expected):
            raise InternalError(f"{payload.name}: not the results of {self.checked_by}: {problem}")

    def _plain(self) -> tuple[Any, str] | None:
        """The results of loops as they are written; None when they take too long, or fail."""
        plain = Request(self.request.target, "default")

        def work(report: Report) -> Any:
            signal.setitimer(signal.ITIMER_REAL, _PLAIN_SECONDS)  # ends this process
            return self._results(plain, report)

        try:
            return in_child(work), "plain loops"
        except PharosError:
            return None

    def _results(self, request: Request, report: Report) -> Any:
        call = self._bound(request, report)
        report("check")
        return call.results()

    def try_out(self, one: Tunable, values: Values, base: Mapping[str, int]) -> Outcome:
        """Compile ``values``, check the result, time it in turns with the choice. What goes wrong
        is the outcome's state. ``base`` are the values of other works."""
        choice = self._asking({**base, **one.parameters(one.choice)})
        wanted = self._asking({**base, **one.parameters(values)})

        def work(report: Report) -> dict[str, Timing]:
            candidate = self._bound(wanted, report)
            self._check(candidate, report)
            other = self._bound(choice, report)
            report("time")
            pair = {"candidate": candidate, CHOICE: other}
            return interleaved(pair, warmup=2, runs=_ROUNDS, seconds=_SECONDS)

        try:
            timings = self.isolated(self.subject.payload, wanted, work)
        except Wrong as error:
            return Outcome(values, WRONG, why=error.message)
        except UserError as error:
            return Outcome(values, REFUSED, why=error.message)
        except InternalError as error:
            return Outcome(values, CRASHED, why=str(error))
        except Exception as error:  # a boundary: a candidate that fails is one less
            return Outcome(values, FAILED, why=f"{type(error).__name__}: {error}")
        candidate, other = timings["candidate"], timings[CHOICE]
        ratio = compared(candidate, other)
        return Outcome(values, MEASURED, ratio, candidate.median, other.median)

    def last_round(
        self, one: Tunable, finalists: Mapping[str, Values], base: Mapping[str, int], seconds: float
    ) -> dict[str, Timing]:
        """The ``finalists`` in turns with the choice, which takes part twice, for ``seconds``."""
        asked = {CHOICE: one.choice, AGAIN: one.choice, **finalists}
        requests = {n: self._asking({**base, **one.parameters(v)}) for n, v in asked.items()}

        def work(report: Report) -> dict[str, Timing]:
            calls = {name: self._bound(request, report) for name, request in requests.items()}
            for call in calls.values():
                self._check(call, report)  # who was right before has to be right again
            report("time")
            return interleaved(calls, warmup=2, runs=_LAST_ROUNDS, seconds=seconds)

        payload, choice = self.subject.payload, requests[CHOICE]
        found: dict[str, Timing] = self.isolated(payload, choice, work)
        return found

    def _asking(self, parameters: Mapping[str, int]) -> Request:
        return replace(self.request, parameters={**self.survey.parameters, **parameters})

    def _bound(self, request: Request, report: Report) -> Contestant:
        # The program's own cache would grow with code that nobody asks for again.
        with settings.scope(CACHE=self.folder):
            built = build(self.subject.payload, request, watch=report)
        return self.subject.bind(built.artifact)

    def _check(self, call: Contestant, report: Report) -> None:
        report("check")
        problem = self.subject.wrong(call.results(), self._expected)
        if problem:
            raise Wrong(problem)
