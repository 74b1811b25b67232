"""What a running program asks of its device: memory, copies, launches.

The methods are the functions of ``table.provided``, called by the program's host code through C:
addresses and handles are numbers. Each raises UserError at the place of the program that called.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.host.driver import Address, Driver, Parameter, Scalar
from pharos.targets.common.gpu.launches import Launch
from pharos.targets.common.gpu.programs.arrays import Arrays
from pharos.targets.common.gpu.programs.places import span_at
from pharos.targets.common.gpu.programs.streams import Streams
from pharos.targets.common.gpu.programs.table import LAUNCH, ours

_BYTES = {"i1": 1, "i8": 1, "i16": 2, "f16": 2, "bf16": 2, "i32": 4, "f32": 4}
_WORD = 8


class Session:
    """One run of a program on ``driver``; ``files`` hold its kernels, ``places`` its table."""

    def __init__(
        self,
        driver: Driver,
        facts: GpuFacts,
        files: Mapping[str, bytes],
        places: Sequence[Mapping[str, Any]],
    ) -> None:
        self._driver = driver
        self._facts = facts
        self._places = places
        self._module = driver.load(files) if files else None
        self._streams = Streams(driver)
        self._arrays = Arrays(driver, self._streams)
        self._lock = threading.RLock()

    def functions(self) -> dict[str, Callable[..., Any]]:
        """What host code calls, by the names in ``table.provided``."""
        named = {**self._arrays.functions(), **self._streams.functions()}
        found = {ours(name): function for name, function in named.items()} | {LAUNCH: self._launch}
        return {name: self._placed(function) for name, function in found.items()}

    def close(self) -> None:
        """Give back what the program did not."""
        self._arrays.close()
        self._streams.close()
        if self._module is not None:
            self._driver.unload(self._module)

    def _placed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` of an entry of the table; errors without a place get that of the entry."""

        def called(place: int, *given: int) -> Any:
            entry = self._places[place]
            with self._lock:
                try:
                    return function(entry, *given)
                except UserError as error:
                    error.span = error.span or span_at(entry)
                    raise

        return called

    def _launch(self, entry: Any, *given: int) -> None:
        sizes, (shared, stream, slots) = given[:6], given[6:]
        grid, block = sizes[:3], sizes[3:]
        _check_sizes(entry["kernel"], grid, block, self._facts)
        launch = Launch(entry["kernel"], grid, block, shared, (), str(span_at(entry) or ""))
        values = [self._value(n, kind, slots) for n, kind in enumerate(entry["types"])]
        packed = self._driver.packed(self._module, launch, values, self._arrays.places())
        try:
            self._driver.launch(packed, self._streams.at(stream))
            if not stream:
                self._driver.synchronize(self._streams.at(0))
        except UserError as error:
            raise _explained(error) from None

    def _value(self, number: int, kind: str, slots: int) -> Parameter:
        """Operand ``number`` of the kind ``kind``, of the memory at ``slots``."""
        raw = ctypes.string_at(slots + _WORD * number, _BYTES.get(kind, _WORD))
        if kind == "ptr":
            return Address(self._arrays.device_address(int.from_bytes(raw, "little")))
        return Scalar(raw, kind)


def _check_sizes(kernel: str, grid: Sequence[int], block: Sequence[int], facts: GpuFacts) -> None:
    """UserError for sizes that no launch has."""
    x, y, z = block
    for what, sizes in (("blocks", grid), ("work-items", block)):
        if min(sizes) < 1:
            raise UserError(
                f"the kernel {kernel} is launched with {' x '.join(map(str, sizes))} {what}",
                hint="launch nothing where there is nothing to do: (when (> n 0) (gpu.launch ...))",
            )
    if x * y * z > facts.max_block:
        raise UserError(
            f"the kernel {kernel} is launched in blocks of {x} x {y} x {z} work-items; "
            f"{facts.chip} takes at most {facts.max_block}",
            hint="use more and smaller blocks",
        )


def _explained(error: UserError) -> UserError:
    """``error`` of a kernel, with the remedy for memory that it may not use."""
    if getattr(error, "kind", "") == "global out of bounds" and error.hint is None:
        error.hint = (
            "kernels use what the program registers, (gpu.host_register m) with m as memref<*xT>, "
            "or allocates by gpu.alloc"
        )
    return error
