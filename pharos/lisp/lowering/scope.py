"""Names and what they stand for while code is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pharos.core.span import Span


@dataclass(slots=True, eq=False)
class Scope:
    """Bindings of names to MLIR values; a name not found here is looked up in ``parent``.

    The value None marks a name whose definition failed, so that its uses are not reported again.
    """

    parent: Scope | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def find(self, name: str) -> tuple[bool, Any]:
        """Whether ``name`` is bound, and to what."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return True, scope.values[name]
            scope = scope.parent
        return False, None

    def names(self) -> Iterator[str]:
        """Every name visible here."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.values
            scope = scope.parent


@dataclass(slots=True, eq=False)
class Env:
    """Where code is put and what it sees.

    ``block`` takes the next operation. ``labels`` are the blocks of the region by their names.
    ``returns`` are the result types of the function around, None where they cannot be told;
    ``yields`` are the types that the end of the region yields, as far as they are known. ``made``
    says where each name of the top-level form was defined, for hints about names not visible.
    """

    block: Any
    scope: Scope
    labels: dict[str, Any]
    returns: list[Any] | None
    yields: list[Any]
    made: dict[str, Span | None]

    def inner(self) -> Env:
        """The same place with a scope of its own."""
        return Env(self.block, Scope(self.scope), self.labels, self.returns, self.yields, self.made)

    def bind(self, name: str, value: Any, span: Span | None) -> None:
        """Let ``name`` stand for ``value`` from here on."""
        self.scope.values[name] = value
        self.made[name] = span
