"""This machine's CPU as a device: objects are linked into the process and called.

What makes arrays imports numpy when it is first used: many programs have none.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm

from pharos.core.artifact import Artifact, EntryPoint
from pharos.core.errors import InternalError, UserError
from pharos.runtime.device import Checked
from pharos.runtime.frame import Frame
from pharos.targets.cpu import elf, process, stopping, symbols
from pharos.targets.cpu.jit import jit

if TYPE_CHECKING:
    import numpy as np

    from pharos.runtime.buffer import Buffer

_counter = itertools.count()
_PACKED = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class CpuDevice:
    """The CPU that Python runs on. Implements ``pharos.runtime.Device``."""

    name = "cpu"

    def __init__(self) -> None:
        """Prepare this process for compiled code (done once)."""
        process.prepare()

    def load(self, artifact: Artifact, callees: stopping.Stoppable | None = None) -> CpuModule:
        """Link the object into the process. Needs no MLIR.

        ``callees`` are Python functions that it may call, and that end a call by raising.
        UserError for another target's artifact and for a function that no library has.
        """
        if (artifact.target, artifact.format) != ("cpu", "object"):
            raise UserError(
                f"the cpu device runs cpu objects, found {artifact.format} for {artifact.target}"
            )
        return CpuModule(artifact, callees)

    def allocate(self, shape: Sequence[int], dtype: str) -> Buffer:
        """Host memory, aligned to 64 bytes, not initialised; ``buffer.numpy()`` sees it."""
        from pharos.runtime.buffer import host_buffer

        return host_buffer(self.name, shape, dtype)

    def upload(self, array: np.ndarray[Any, Any]) -> Buffer:
        """A new buffer with the elements of ``array``."""
        from pharos.runtime.dtypes import name_of

        dtype = name_of(array.dtype)
        if dtype is None:
            raise UserError(f"no element type for arrays of {array.dtype}")
        buffer = self.allocate(array.shape, dtype)
        buffer.numpy()[...] = array
        return buffer

    def download(self, buffer: Buffer) -> np.ndarray[Any, Any]:
        """A copy of the elements of ``buffer``."""
        return buffer.numpy().copy()

    def copy(self, source: Any, target: Any, stream: Any = None) -> None:
        """Copy elements between buffers and numpy arrays of the same shape and type."""
        from pharos.runtime.buffer import Buffer
        from pharos.runtime.immediate import check_alike

        check_alike(source, target)
        there, here = (one.numpy() if isinstance(one, Buffer) else one for one in (target, source))
        there[...] = here

    def copying(self, source: Buffer, target: Buffer) -> Any:
        """The copy from one buffer to another as work."""
        from pharos.runtime.immediate import HostCopy, check_alike

        check_alike(source, target)
        return HostCopy(source, target)

    def register(self, array: np.ndarray[Any, Any]) -> Buffer:
        """The memory of ``array`` as a buffer."""
        from pharos.runtime.buffer import registered

        return registered(self.name, array)

    def from_dlpack(self, array: Any) -> Buffer:
        """The memory of ``array``, which is the host's, as a buffer."""
        from pharos.runtime.dlpack import CPU, Borrowed

        taken = Borrowed(array)
        if taken.device[0] != CPU:
            taken.release()
            raise UserError(
                f"expected an array in memory of the host, found DLPack's device {taken.device}",
                hint="move it first: x.cpu()",
            )
        return taken.buffer(self.name, visible=True).lendable(taken.device, self.synchronize)

    def stream(self, other: Any = None) -> Any:
        """A stream that does its work at once."""
        if other is not None:
            raise UserError(f"the cpu has no streams of other libraries, found {other!r}")
        from pharos.runtime.immediate import ImmediateStream

        return ImmediateStream()

    def capture(self, work: Sequence[Any]) -> Any:
        """``work`` in order, called one after the other."""
        from pharos.runtime.immediate import ImmediateGraph

        return ImmediateGraph(work)

    def synchronize(self) -> None:
        """Calls return when they have ended; there is nothing to wait for."""


class CpuModule:
    """One loaded object: a dynamic library of its own in the process-wide JIT."""

    def __init__(self, artifact: Artifact, callees: stopping.Stoppable | None = None) -> None:
        self.artifact = artifact
        self._callees = callees
        if callees is None and stopping.ASSERTION_FAILED in artifact.symbols:
            self._callees = stopping.assertions()
        self._defined = elf.symbols(artifact.code).defined
        self._tracker = self._link()
        self._functions: dict[str, Callable[[int], None]] = {}

    def prepare(self, entry: EntryPoint, values: Sequence[Checked]) -> CpuCall:
        """Pack ``values`` into a frame that the entry point reads."""
        return CpuCall(self, entry, values)

    def function(self, entry: str) -> Callable[[int], None]:
        """The packed entry of ``entry``: takes the address of a frame."""
        if entry not in self._functions:
            address = self._tracker[self._packed(entry)]
            callees = self._callees
            self._functions[entry] = (
                _PACKED(address) if callees is None else functools.partial(callees.call, address)
            )
        return self._functions[entry]

    def _packed(self, entry: str) -> str:
        for name in (f"_mlir__mlir_ciface_{entry}", f"_mlir_{entry}"):
            if name in self._defined:
                return name
        raise InternalError(f"the object has no packed entry for '{entry}'")

    def _link(self) -> Any:
        builder = llvm.JITLibraryBuilder().add_object_img(self.artifact.code)
        for name in self.artifact.symbols:
            builder.import_symbol(name, self._address(name))
        for entry in self.artifact.entries:
            builder.export_symbol(self._packed(entry.name))
        try:
            return builder.link(jit(), f"pharos-{next(_counter)}")
        except RuntimeError as error:
            raise InternalError(f"linking the object failed: {error}") from None

    def _address(self, name: str) -> int:
        if self._callees is not None and name in self._callees.addresses:
            return self._callees.addresses[name]
        found = symbols.resolve(name, self.artifact.libraries)
        if found is None:
            searched = ", ".join(("libc", "libm", "libgcc", *self.artifact.libraries))
            raise UserError(
                f"the code calls '{name}', which no library here defines (searched: {searched})",
                hint="compile it again on this machine",
            )
        return found


class CpuCall:
    """A function with its frame; holds the code and the arguments alive."""

    def __init__(self, module: CpuModule, entry: EntryPoint, values: Sequence[Checked]) -> None:
        self._module = module
        self._entry = entry
        self._values = list(values)
        self._frame = Frame(entry, values)
        self._function = module.function(entry.name)
        self._at = self._frame.address
        self._arrays = any(result.kind == "memref" for result in entry.results)

    def __call__(self) -> tuple[Any, ...]:
        self._function(self._at)
        results = self._frame.results()
        if not self._arrays:
            return results
        from pharos.runtime.results import adopt

        return adopt(self._entry.results, results, self._values, _free(), self._module)

    def update(self, index: int, value: Checked) -> None:
        """Replace one argument."""
        self._frame.write(index, value)
        self._values[index] = value

    def ready(self, stream: Any = None) -> None:
        """It needs nothing."""

    def enqueue(self, stream: Any = None) -> None:
        """Run; results that are not in the memory of an argument are lost."""
        self()

    @property
    def buffers(self) -> list[Buffer]:
        """The arguments that are buffers."""
        from pharos.runtime.buffer import Buffer

        return [v.source for v in self._values if isinstance(v.source, Buffer)]

    @property
    def outputs(self) -> tuple[Buffer, ...]:
        """UserError for a function with results: they are new memory at each run."""
        if self._entry.results:
            raise UserError(
                f"{self._entry.name} makes new memory for its results at each run on the cpu",
                hint="give it arrays to write to as arguments, or call it",
            )
        return ()


@functools.cache
def _free() -> Callable[[int], None]:
    free = ctypes.CDLL(None).free
    free.argtypes, free.restype = [ctypes.c_void_p], None
    function: Callable[[int], None] = free
    return function
