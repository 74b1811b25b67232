"""What holds of CUDA and of HIP, whichever way their functions are called.

``cuda_like.py`` calls them through ctypes; a vendor's binding for Python is another way.
"""

from __future__ import annotations

import mmap
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.driver import Parameter, Place
from pharos.targets.common.gpu.host.library import Codes
from pharos.targets.common.gpu.host.parameters import Packed, memory_of, pointer_array
from pharos.targets.common.gpu.launches import Launch


class CudaRules(ABC):
    """The part of ``host.driver.Driver`` that needs few of the vendor's functions, or none.

    ``codes`` puts results into words. Subclasses supply what is abstract here, and the rest of
    the protocol.
    """

    alignment = 256
    forgets = False
    sees_host = True
    granule = mmap.PAGESIZE
    gap = 0

    def __init__(self, codes: Codes) -> None:
        self.codes = codes
        self._thread = threading.local()
        self._registered: dict[int, int] = {}
        self._broken = False
        self._latest = ""

    def enter(self) -> None:
        """Make the device current for this thread, where that has not been done."""
        if not getattr(self._thread, "entered", False):
            self.make_current()
            self._thread.entered = True

    @abstractmethod
    def make_current(self) -> None:
        """Choose this thread's device."""

    def _note(self, error: failures.DeviceError) -> None:
        """After a kernel's fault the message names the last launch."""
        if error.kind in (failures.FAULT, failures.LOST):
            self._broken = True
            if self._latest:
                error.message += f" (the kernel launched last was {self._latest})"
                error.args = (error.message,)

    # Memory -----------------------------------------------------------------------------------

    def visible(self, address: int, size: int) -> None:  # noqa: B027 (a default)
        """Device memory is not seen from the host."""

    def borrow(self, address: int, size: int) -> None:  # noqa: B027 (a default)
        """What is there already needs nothing."""

    def lend(self, address: int, size: int) -> None:  # noqa: B027 (a default)
        """Nothing has to be known of it."""

    def forget(self, address: int, size: int, stream: Any) -> None:  # noqa: B027
        """Nothing."""

    def _no_room(self, function: str, code: int, size: int, free: int, total: int) -> Any:
        """The error of an allocation: what was asked for, and what there is."""
        room = f"{mib(free)} of {mib(total)} are free"
        return self.codes.error(function, code, f"{mib(size)} were asked for, {room}")

    def write(self, target: int, source: int, size: int, stream: Any) -> None:
        """Copy from the host. The driver reads memory that is not registered before it returns;
        for registered memory this waits."""
        self.enter()
        self._bring(target, source, size, stream)
        if any(low <= source < low + length for low, length in self._registered.items()):
            self.synchronize(stream)

    @abstractmethod
    def _bring(self, target: int, source: int, size: int, stream: Any) -> None:
        """Copy from the host, in the stream."""

    @abstractmethod
    def synchronize(self, stream: Any) -> None:
        """Wait for a stream. DeviceError where one of its kernels failed."""

    def put(self, target: int, raw: bytes, stream: Any) -> None:
        """Fill words: unlike a copy from the host it can be captured."""
        self.enter()
        width = next(n for n in (4, 2, 1) if len(raw) % n == 0 and target % n == 0)
        for at in range(0, len(raw), width):
            word = int.from_bytes(raw[at : at + width], "little")
            self._fill(8 * width, target + at, word, stream)

    @abstractmethod
    def _fill(self, bits: int, target: int, word: int, stream: Any) -> None:
        """Store one word of so many bits, in the stream."""

    # Launches ---------------------------------------------------------------------------------

    def packed(
        self, module: Any, launch: Launch, values: Sequence[Parameter], places: Sequence[Place]
    ) -> Packed:
        """The launch with its parameters in memory."""
        memory = memory_of(values)
        grid, block = ((*sizes, 1, 1)[:3] for sizes in (launch.grid, launch.block))
        function = module.function(launch.kernel, launch.shared)
        pointers = pointer_array(memory)
        return Packed(launch.kernel, function, grid, block, launch.shared, pointers, tuple(memory))

    def _refused(self, function: str, code: int, packed: Packed) -> failures.DeviceError:
        """The error of a launch, with the kernel and its sizes."""
        sizes = f"kernel {packed.kernel}, grid {packed.grid}, block {packed.block}, "
        detail = f"{sizes}{packed.shared} bytes of shared memory"
        error = self.codes.error(function, code, detail)
        if error.kind in (failures.OTHER, failures.NO_MEMORY):
            error = self.codes.as_kind(failures.LAUNCH, error)
        self._note(error)
        return error


def stream_handle(other: Any) -> Any:
    """Another library's stream, by the protocol ``__cuda_stream__`` (version, handle), or PyTorch's
    ``cuda_stream``. UserError for anything else."""
    if hasattr(other, "__cuda_stream__"):
        return other.__cuda_stream__()[1]
    if hasattr(other, "cuda_stream"):
        return other.cuda_stream
    raise UserError(
        f"expected a stream with __cuda_stream__ or cuda_stream, found {type(other).__name__}"
    )


def mib(size: int) -> str:
    """Bytes for people."""
    return f"{size / (1 << 20):.1f} MiB"
