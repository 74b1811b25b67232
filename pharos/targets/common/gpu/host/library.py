"""A vendor's library through ctypes: found late, every function with its prototype, every result
checked."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.failures import DeviceError, Vendor, failure

Prototypes = Mapping[str, Sequence[Any]]
Opener = Callable[[str], Any]


class Codes:
    """What a vendor's library returns, in words: ``kinds`` of failures by code, and ``explain``."""

    def __init__(self, target: str, vendor: Vendor, kinds: Mapping[int, str]) -> None:
        self.target = target
        self.vendor = vendor
        self.kinds = kinds
        self.explain: Callable[[int], str] = str

    def error(self, name: str, code: int, detail: str = "") -> DeviceError:
        """The error for a code that the function ``name`` returned."""
        kind = self.kinds.get(code, failures.OTHER)
        said = f"{name.split('|')[0]} says {self.explain(code)}"
        return self.failed(kind, f"{detail}; {said}" if detail else said)

    def failed(self, kind: str, detail: str = "", device: str = "") -> DeviceError:
        """A failure of a kind; ``device`` is what is there instead of what was asked for."""
        return failure(kind, self.vendor, self.target, detail, device)

    def as_kind(self, kind: str, error: DeviceError) -> DeviceError:
        """What the driver said in ``error``, as a failure of another kind."""
        return self.failed(kind, error.message.partition(": ")[2])


class Library(Codes):
    """Functions that return 0, or a code."""

    def __init__(
        self,
        target: str,
        vendor: Vendor,
        names: Sequence[str],
        prototypes: Prototypes,
        kinds: Mapping[int, str],
        opener: Opener = ctypes.CDLL,
    ) -> None:
        """``names`` are tried in order. DeviceError when none is there, or one lacks functions."""
        super().__init__(target, vendor, kinds)
        self.raw = self._opened(names, opener)
        self._functions = {name: self._function(name, p) for name, p in prototypes.items()}

    def _opened(self, names: Sequence[str], opener: Opener) -> Any:
        found, said = None, ""
        for name in names:
            found, why = _tried(opener, name)
            if found is not None:
                return found
            said = said or why
        raise self.failed(failures.NO_LIBRARY, said)

    def _function(self, name: str, prototype: Sequence[Any]) -> Any:
        for spelling in name.split("|"):
            found = getattr(self.raw, spelling, None)
            if found is not None:
                found.argtypes, found.restype = list(prototype), ctypes.c_int
                return found
        detail = f"it has no function {name.split('|')[0]}"
        raise self.failed(failures.OLD_DRIVER, detail)

    def function(self, name: str) -> Any:
        """A function whose results the caller checks, for calls that have to be fast."""
        return self._functions[name]

    def call(self, name: str, *arguments: Any, detail: str = "") -> None:
        """Call, and raise DeviceError for a result that is not 0; ``detail`` ends its message."""
        code = self._functions[name](*arguments)
        if code:
            raise self.error(name, code, detail)

    def made(self, name: str, kind: Any, *arguments: Any, detail: str = "") -> Any:
        """What a function writes through its first argument, a ``kind``."""
        value = kind()
        self.call(name, ctypes.byref(value), *arguments, detail=detail)
        return value.value


def _tried(opener: Opener, name: str) -> tuple[Any, str]:
    """The library ``name``, or why there is none."""
    try:
        return opener(name), ""
    except OSError as error:
        return None, str(error)
