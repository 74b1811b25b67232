"""The two ways to shared memory: what threads store is not yet seen by asynchronous instructions.

wgmma and bulk copies go through the asynchronous proxy. Between a thread's stores and their reads
there must be a fence.proxy.async, by the thread that stored or by the one that starts the reading.
The hardware would read something older; here it is a fault, in kernels that are checked.

Source: PTX ISA 9.0, 8.6 (proxies), 9.7.13.4 (fence.proxy), 9.7.9.25.1 (async proxy).
"""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.values import Value
from pharos.simt.writer import Writer

TABLE = Meanings("proxies")
PIECE = 16
WORD = 4
_PIECES = (1 << 18) // PIECE
_THREADS = 1024


def _fenced(w: Writer, thread: Value) -> Value:
    """A pointer to the moment of a thread's last fence."""
    return w.element(w.kept("nvidia.proxies.fenced", f"[{_THREADS} x i32]"), thread, "i32")


def _own_write(w: Writer, pointer: Value) -> Value:
    """A pointer to when the asynchronous proxy itself wrote this piece."""
    offset = w.address(pointer) & (1 << 18) - 1
    return w.element(w.kept("nvidia.proxies.written", f"[{_PIECES} x i32]"), offset // PIECE, "i32")


@meaning(TABLE, r"llvm\.nvvm\.fence\.proxy\.async(?:\.global|\.shared_cta|\.shared_cluster)?",
         source="PTX ISA 9.0, 9.7.13.4 fence.proxy.async")  # fmt: skip
def fence(w: Writer, call: Call) -> None:
    """What this thread has stored, or knows of, is seen by asynchronous instructions."""
    if w.checked:
        w.poke(w.moment(), _fenced(w, w.linear))


@meaning(
    TABLE,
    r"llvm\.nvvm\.fence\.proxy\.tensormap_generic\.(?:acquire|release)\.\w+",
    source="PTX ISA 9.0, 9.7.13.4 fence.proxy.tensormap: maps do not change while a kernel runs",
)
def fence_map(w: Writer, call: Call) -> None:
    pass


def written(w: Writer, pointer: Value) -> None:
    """The asynchronous proxy has just written the piece of 16 bytes at ``pointer``."""
    if w.checked:
        moment, _ = w.last_write(pointer)
        w.poke(moment, _own_write(w, pointer))


def check_read(w: Writer, pointer: Value) -> None:
    """A fault if the asynchronous proxy reads a piece that a thread has stored without a fence."""
    if not w.checked:
        return
    own, mine = w.peek(_own_write(w, pointer), "i32"), w.peek(_fenced(w, w.linear), "i32")
    for word in range(0, PIECE, WORD):
        moment, thread = w.last_write(w.offset(pointer, word))
        theirs = w.peek(_fenced(w, thread), "i32")
        seen = (moment == own) | (moment <= theirs) | (moment <= mine)
        message = "thread {0} has stored what is read here, and no fence.proxy.async came between"
        w.require(seen, message, thread)
