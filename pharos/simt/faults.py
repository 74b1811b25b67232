"""What a simulated device reports when a kernel does what no device should be asked to do."""

from __future__ import annotations

from pharos.core.errors import UserError
from pharos.core.span import Span

# In the order of the numbers that `runtime/*.ll` gives to `simt.fail`; 0 is no fault.
KINDS = (
    "none",
    "deadlock",
    "livelock",
    "wrong mask",
    "divergent collective",
    "unknown barrier",
    "barrier count",
    "divergent barrier",
    "meaning",
    "global out of bounds",
    "shared out of bounds",
    "unwritten read",
    "shared race",
    "misaligned access",
    "stack overflow",
    "counter",
    "write to constant memory",
    "memory access",
)


class SimulationFault(UserError):
    """A kernel stopped: ``kind`` is one of KINDS.

    ``kernel`` its name, ``block`` and ``thread`` (x, y, z), ``place`` the instruction or the
    payload's source place in words, ``span`` that place where it is known.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        kernel: str,
        block: tuple[int, int, int],
        thread: tuple[int, int, int],
        place: str = "",
        span: Span | None = None,
        hint: str | None = None,
    ) -> None:
        where = f"kernel {kernel}, block {block}, thread {thread}"
        at = f", at {place}" if place else ""
        super().__init__(f"{kind}: {message} ({where}{at})", span=span, hint=hint)
        self.kind = kind
        self.kernel = kernel
        self.block = block
        self.thread = thread
        self.place = place


class UnknownInstruction(UserError):
    """A kernel uses instructions that nobody has given a meaning; ``names`` are theirs."""

    def __init__(self, kernel: str, names: list[str], span: Span | None = None) -> None:
        listed = "\n".join(f"  {name}" for name in names)
        super().__init__(
            f"kernel {kernel} uses instructions without a meaning in this simulator:\n{listed}",
            span=span,
            hint="write one with pharos.simt.meaning beside those of the target",
        )
        self.kernel = kernel
        self.names = names
