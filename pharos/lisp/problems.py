"""Several mistakes reported together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pharos.core.errors import ErrorList, UserError


class Consequence(UserError):
    """A mistake that only follows from one already reported, and so is not shown."""


class Problems:
    """Gathers the mistakes of independent forms."""

    def __init__(self) -> None:
        self.errors: list[UserError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep a UserError of the block for later and go on after the block."""
        try:
            yield
        except ErrorList as several:
            for error in several.errors:
                self.add(error)
        except UserError as error:
            self.add(error)

    def add(self, error: UserError) -> None:
        """Keep ``error``, unless it is a consequence or was found before."""
        same = (e for e in self.errors if (e.message, e.span) == (error.message, error.span))
        if not isinstance(error, Consequence) and next(same, None) is None:
            self.errors.append(error)

    def report(self) -> None:
        """Raise what was gathered, if anything: in the order of the places in the text."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise ErrorList(self.errors)
