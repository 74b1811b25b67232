"""Which checks a kernel is built with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Checks:
    """What is looked for at every access; ``Checks.none()`` is for speed.

    ``bounds``: global and shared memory; ``unwritten``: reads of what nobody wrote; ``races``: two
    threads that use shared memory without a barrier between, one of them writing;
    ``alignment``: of vector accesses.
    """

    bounds: bool = True
    unwritten: bool = True
    races: bool = True
    alignment: bool = True

    def __bool__(self) -> bool:
        """Whether anything is checked at all."""
        return self.bounds or self.unwritten or self.races or self.alignment

    @classmethod
    def none(cls) -> Checks:
        """No checks of accesses."""
        return cls(False, False, False, False)
