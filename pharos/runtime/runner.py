"""Call compiled functions by name, with every argument checked."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from pharos.core.artifact import Artifact, EntryPoint
from pharos.core.errors import UserError, nearest
from pharos.runtime.buffer import Buffer
from pharos.runtime.checks import check_argument, check_call, check_overlap
from pharos.runtime.device import Checked, Device, PreparedCall, Stream, entry_point


class Runner:
    """An artifact loaded on a device.

    Arguments are numpy arrays or Buffers for arrays, Python or numpy numbers for scalars, and
    arrays, Buffers, addresses or None for pointers. Nothing is copied or converted: a value of
    the wrong count, type, shape, strides, alignment or writability is a UserError. Ctrl-C takes
    effect when the function that runs returns.
    """

    def __init__(self, device: Device, artifact: Artifact) -> None:
        self.device = device
        self.artifact = artifact
        self._module = device.load(artifact)

    def entry(self, name: str) -> EntryPoint:
        """The signature of ``name``. UserError when it cannot be called."""
        return entry_point(self.artifact, name)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call ``name``: None, its result, or a tuple of its results.

        Arrays come back as numpy arrays that own their memory, or share an argument's where the
        code returned one; bf16 scalars as float, pointers as int.
        """
        with self.bind(name, *arguments) as bound:
            return bound()

    def bind(self, name: str, *arguments: Any) -> Bound:
        """Check and pack once, to call many times for little more than the function's own time."""
        entry = self.entry(name)
        checked = check_call(entry, arguments, self.device.name)
        return Bound(entry, self._module.prepare(entry, checked), checked, self.device)


class Bound:
    """A call with its arguments packed. ``bound()`` runs it; ``set`` replaces one argument.

    Holds its arrays alive and its Buffers unfreeable until closed (or collected). One thread at
    a time may call it.
    """

    def __init__(
        self, entry: EntryPoint, prepared: PreparedCall, values: list[Checked], device: Device
    ) -> None:
        self.entry = entry
        self._prepared: PreparedCall | None = prepared
        self._values = values
        self._device = device
        self._kept: list[object] = []
        self._single = len(entry.results) == 1
        self._pins: list[Callable[[], None] | None] = [_pin(value) for value in values]

    def __call__(self) -> Any:
        """Run: None, the result, or a tuple of the results."""
        results = (self._prepared or self._prepared_call())()
        if self._single:
            return results[0]
        return results or None

    def set(self, which: int | str, value: Any) -> None:
        """Replace the argument with that index or name, checked like at the start."""
        prepared = self._prepared_call()
        index = self._index(which)
        checked = check_argument(self.entry, index, value, self._device.name)
        if self.entry.arguments[index].kind == "memref":
            check_overlap(self.entry, [*self._values[:index], checked, *self._values[index + 1 :]])
        pin = _pin(checked)
        prepared.update(index, checked)
        old, self._pins[index] = self._pins[index], pin
        self._values[index] = checked
        if old is not None:
            old()

    def read(self, which: int | str) -> np.ndarray[Any, Any]:
        """A copy of what the array argument with that index or name holds now."""
        self._prepared_call()
        index = self._index(which)
        source = self._values[index].source
        if isinstance(source, Buffer):
            return self._device.download(source)
        if not isinstance(source, np.ndarray):
            raise UserError(f"{self.entry.name}: argument {index} is no array")
        return source.copy()

    def ready(self, stream: Stream | None = None) -> None:
        """Take the memory that ``enqueue`` needs."""
        self._prepared_call().ready(stream)

    def enqueue(self, stream: Stream | None = None) -> None:
        """Give the call to ``stream`` (default: the device's own) without waiting for its end.

        All arrays must be Buffers of the device; results are in ``outputs``.
        """
        self._prepared_call().enqueue(stream)

    @property
    def outputs(self) -> tuple[Buffer, ...]:
        """Where on the device the results are after each run: the same memory every time."""
        return self._prepared_call().outputs

    @property
    def buffers(self) -> list[Buffer]:
        """The arguments that are Buffers."""
        return list(self._prepared_call().buffers)

    @property
    def scratch(self) -> int:
        """Bytes of scratch memory that it takes of its stream."""
        return int(getattr(self._prepared_call(), "scratch", 0))

    def keep(self, thing: object) -> None:
        """Keep ``thing`` alive as long as the call is bound (what a pointer argument points to)."""
        self._kept.append(thing)

    def close(self) -> None:
        """Let go of the arguments. Harmless when done twice."""
        self._prepared = None
        self._values, self._kept = [], []
        pins, self._pins = self._pins, []
        for unpin in pins:
            if unpin is not None:
                unpin()

    def __enter__(self) -> Bound:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _prepared_call(self) -> PreparedCall:
        if self._prepared is None:
            raise UserError(f"{self.entry.name}: the bound call was closed")
        return self._prepared

    def _index(self, which: int | str) -> int:
        arguments = self.entry.arguments
        if isinstance(which, int):
            if 0 <= which < len(arguments):
                return which
            raise UserError(
                f"{self.entry.name}: no argument {which}, there are {len(arguments)} from 0 on"
            )
        names = [argument.name for argument in arguments]
        if which and which in names:
            return names.index(which)
        raise UserError(
            f"{self.entry.name}: no argument named '{which}'; named are: "
            f"{', '.join(filter(None, names)) or 'none'}",
            hint=nearest(which, names),
        )


def _pin(value: Checked) -> Callable[[], None] | None:
    return value.source.pin() if isinstance(value.source, Buffer) else None
