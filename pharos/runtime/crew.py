"""Several child processes at work at once, each with limits of time and memory.

Whatever becomes of one of them, the others go on: its end is an ``Outcome``. A step whose name
begins with ``ALONE`` is timed by somebody: while it lasts, all other children stand still.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pharos.runtime.child import Child, Report

ALONE = "time"
_LOOK_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Limits:
    """What a child may use: seconds in all, bytes resident, and seconds per kind of step.

    The kind of a step is its name up to the first colon; 0 is no limit.
    """

    seconds: float = 0
    memory: int = 0
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a child ended: with a ``value``, or an ``error`` it raised, or because it was
    ``stopped`` ("time" or "memory"). ``step`` is what it did last."""

    key: Hashable
    step: str
    seconds: float
    peak: int
    value: Any = None
    error: Exception | None = None
    stopped: str = ""
    output: str = ""


Watch = Callable[[Hashable, str], None]
"""Is told the key of a child and the step that it begins."""


def run_crew(
    works: Iterable[tuple[Hashable, Callable[[Report], Any]]],
    *,
    jobs: int = 1,
    limits: Limits | None = None,
    watch: Watch | None = None,
) -> Iterator[Outcome]:
    """Run each ``(key, work)`` in a process of its own, ``jobs`` at a time; the outcomes as they
    come. Closing the iterator (Ctrl-C too) ends the children that still run."""
    crew = _Crew(limits or Limits(), watch or (lambda key, step: None))
    waiting = iter(works)
    try:
        while True:
            while len(crew.members) < jobs and (item := next(waiting, None)) is not None:
                crew.start(*item)
            if not crew.members:
                return
            yield from crew.advance()
    finally:
        crew.end()


class _Member:
    """A running child with its clocks, which stand still while it is held."""

    def __init__(self, key: Hashable, work: Callable[[Report], Any], memory: int) -> None:
        self.key = key
        self.child: Child[Any] = Child(lambda report: _limited(work, report, memory))
        self.kind = ""
        self.seconds = 0.0
        self.in_kind = 0.0
        self.held = False
        self._seen = time.monotonic()

    def tick(self) -> None:
        """Count the time since the last look, unless it stood still."""
        now = time.monotonic()
        if not self.held:
            self.seconds += now - self._seen
            self.in_kind += now - self._seen
        self._seen = now

    def begin(self, step: str) -> None:
        """A step begins; steps of one kind are one span of time."""
        kind = step.partition(":")[0]
        if kind != self.kind:
            self.kind, self.in_kind = kind, 0.0

    def hold(self, still: bool) -> None:
        """Stop the process, or let it go on."""
        if still != self.held:
            self.held = still
            os.kill(self.child.pid, signal.SIGSTOP if still else signal.SIGCONT)


class _Crew:
    def __init__(self, limits: Limits, watch: Watch) -> None:
        self.members: list[_Member] = []
        self._limits = limits
        self._watch = watch

    def start(self, key: Hashable, work: Callable[[Report], Any]) -> None:
        self._watch(key, "")
        self.members.append(_Member(key, work, self._limits.memory))
        self._arrange()

    def advance(self) -> list[Outcome]:
        """Wait a moment for news; the outcomes of the children that ended."""
        ready, _, _ = select.select([m.child for m in self.members], [], [], _LOOK_SECONDS)
        ended = []
        for member in list(self.members):
            member.tick()
            outcome = self._news(member) if member.child in ready else None
            outcome = outcome or self._stopped(member)
            if outcome is not None:
                self.members.remove(member)
                member.child.close()
                ended.append(outcome)
        self._arrange()
        return ended

    def end(self) -> None:
        for member in self.members:
            member.child.close()
        self.members.clear()

    def _arrange(self) -> None:
        """Whoever measures is alone; the first to ask is the first to go."""
        alone = next((m for m in self.members if m.kind == ALONE and not m.held), None)
        for member in self.members:
            member.hold(alone is not None and member is not alone)

    def _news(self, member: _Member) -> Outcome | None:
        child = member.child
        if child.read():
            member.begin(child.step)
            self._watch(member.key, child.step)
            return None
        value, error = None, None
        try:
            value = child.result()
        except Exception as caught:  # a boundary: what the child raised is its outcome
            error = caught
        return _outcome(member, value=value, error=error)

    def _stopped(self, member: _Member) -> Outcome | None:
        limit = self._limits.steps.get(member.kind, 0)
        late = 0 < limit < member.in_kind or 0 < self._limits.seconds < member.seconds
        large = 0 < self._limits.memory < _resident(member.child.pid)
        if not late and not large:
            return None
        peak = _resident(member.child.pid)
        return _outcome(member, stopped="memory" if large else "time", peak=peak)


def _outcome(member: _Member, *, peak: int = 0, **what: Any) -> Outcome:
    child = member.child
    held = max(peak, child.peak)
    return Outcome(member.key, child.step, member.seconds, held, output=child.output(), **what)


def _resident(pid: int) -> int:
    """Bytes of memory that the process holds now; 0 where nothing tells."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _limited(work: Callable[[Report], Any], report: Report, memory: int) -> Any:
    """``work``, in a process that is refused what is far beyond ``memory`` at once.

    The watch on resident memory looks a few times a second; one huge request would be answered
    before it looks, and an error that names the request says more than being killed.
    """
    _end_with_parent()
    if memory:
        _refuse_beyond(memory)
    return work(report)


def _end_with_parent() -> None:
    """Whoever kills the parent, which cannot clean up then, ends this process too (Linux)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _refuse_beyond(memory: int) -> None:
    try:
        import resource
    except ImportError:  # not on every system
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    # Private pages of the parent and thread stacks count as data too.
    soft = 2 * memory + (1 << 30)
    if most != resource.RLIM_INFINITY:
        soft = min(soft, most)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, most))
