"""Where the temporary arrays of a call lie, and the memory that the calls of a stream share.

kernel 1 writes t0, kernel 2 reads t0 and writes t1, kernel 3 reads t1 and writes t2
==>
t0 and t2 lie in the same place, t1 beside it
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pharos.targets.common.gpu import launches
from pharos.targets.common.gpu.host.driver import Driver

ALIGNMENT = 256  # bytes; what drivers promise for allocations


def touched(step: launches.Step) -> list[int]:
    """The buffers that ``step`` reads or writes, each once."""
    if isinstance(step, launches.Copy):
        found = [step.source.buffer, step.target.buffer]
    elif isinstance(step, launches.Write):
        found = [step.target.buffer]
    else:
        found = [p.buffer for one in step.operands if (p := _pointer(one)) is not None]
    return list(dict.fromkeys(found))


def _pointer(operand: launches.Operand) -> launches.Pointer | None:
    if isinstance(operand, launches.Described):
        return operand.pointer
    return operand if isinstance(operand, launches.Pointer) else None


@dataclass(frozen=True)
class Layout:
    """``offsets`` of buffers in ``size`` bytes, by number; ``first`` is the step that uses each
    first."""

    offsets: Mapping[int, int]
    size: int
    first: Mapping[int, int] = field(default_factory=dict)


def layout(
    program: launches.Program, whole: Mapping[int, int], kept: Iterable[int], gap: int = 0
) -> Layout:
    """Places for the scratch buffers of ``program`` but those ``kept`` elsewhere.

    ``whole`` are other buffers, with their bytes, that need room from start to end. Scratch
    buffers that no step uses get none. Behind each buffer ``gap`` bytes stay free.
    """
    spans: dict[int, tuple[int, int]] = {}
    for number, step in enumerate(program.steps):
        for buffer in touched(step):
            if program.buffers[buffer].kind == launches.SCRATCH:
                spans[buffer] = (spans.get(buffer, (number, 0))[0], number)
    for buffer in kept:
        spans.pop(buffer, None)
    first = {buffer: span[0] for buffer, span in spans.items()}
    sizes = {buffer: program.buffers[buffer].bytes for buffer in spans} | dict(whole)
    rooms = {buffer: _rounded(size + gap) for buffer, size in sizes.items()}
    spans |= dict.fromkeys(whole, (0, len(program.steps)))
    offsets: dict[int, int] = {}
    for buffer in sorted(sizes, key=lambda b: (-sizes[b], b)):
        offsets[buffer] = _lowest(buffer, rooms, spans, offsets)
    size = max((offsets[b] + rooms[b] for b in offsets), default=0)
    return Layout(offsets, size, first)


def _lowest(
    buffer: int,
    rooms: Mapping[int, int],
    spans: Mapping[int, tuple[int, int]],
    offsets: Mapping[int, int],
) -> int:
    """The lowest place where ``buffer`` meets none that lives at the same time."""
    start, end = spans[buffer]
    others = sorted(
        (offset, offset + rooms[other])
        for other, offset in offsets.items()
        if spans[other][0] <= end and spans[other][1] >= start
    )
    at = 0
    for low, high in others:
        if low - at >= rooms[buffer]:
            break
        at = max(at, high)
    return at


def _rounded(size: int) -> int:
    return -(-max(size, 1) // ALIGNMENT) * ALIGNMENT


class Arena:
    """Memory that the calls of one stream use one after the other; it grows to what they need."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._address = 0
        self.size = 0
        self.fixed = False

    def reserve(self, size: int, stream: object) -> int:
        """The address of at least ``size`` bytes; earlier contents are lost when it grows."""
        if size > self.size:
            assert not self.fixed, "a graph's scratch memory is taken before it is captured"
            if self._address:
                self._driver.synchronize(stream)
                self._free()
            self._address = self._driver.allocate(size)
            self.size = size
        return self._address

    def close(self) -> None:
        """Give it back. Harmless when done twice."""
        if self._address:
            self._free()

    def _free(self) -> None:
        address, self._address, self.size = self._address, 0, 0
        self._driver.free(address)

    def __del__(self) -> None:
        self.close()
