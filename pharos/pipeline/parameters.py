"""Typed parameters of a descriptor: what they accept, and the check of a value against that."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pharos.core.errors import Note, UserError, nearest
from pharos.core.span import Span
from pharos.pipeline.values import (
    MAX_DEPTH,
    Reference,
    Value,
    format_value,
    freeze,
    is_parameter_name,
    type_name,
)

BASE_TYPES = ("int", "float", "bool", "string")
_LIST_OF = "list of "


class Unset(Enum):
    """Stands for a default that is not there; none is a value of its own."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True)
class Parameter:
    """A named value that a descriptor's stages use as ``$name``.

    ``type`` is int, float, bool, string, or "list of" one of these types. ``minimum``, ``maximum``
    (of numbers) and ``choices`` bound the value, or each element of a list. Without a ``default``
    the parameter must be given; one whose default is none also accepts none.
    """

    name: str
    type: str
    default: Value | Unset = UNSET
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: tuple[Value, ...] = ()
    description: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not is_parameter_name(self.name):
            raise self._wrong(f"expected letters, digits and _ in a name, found '{self.name}'")
        self._check_type()
        number = self.base in ("int", "float")
        for what, bound in (("min", self.minimum), ("max", self.maximum)):
            if bound is not None and not number:
                raise self._wrong(f"'{what}' bounds numbers; the type is {self.type}")
            if bound is not None and not _is_a(self.base, freeze(bound)):
                raise self._wrong(f"expected '{what}' to be a {self.base}, found {bound!r}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise self._wrong(f"min {self.minimum} is greater than max {self.maximum}")
        # The choices are held to the type and the bounds, the default to all three.
        choices, self_choices = tuple(self.choices), ()
        object.__setattr__(self, "choices", self_choices)
        object.__setattr__(
            self, "choices", tuple(self._element(freeze(choice), self.span) for choice in choices)
        )
        if self.default is not UNSET:
            object.__setattr__(self, "default", self.check(self.default, span=self.span))

    def __eq__(self, other: object) -> bool:
        # By text, because 1, 1.0 and true are equal in Python.
        return isinstance(other, Parameter) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        bounds = (self.minimum, self.maximum, self.choices)
        default = None if self.default is UNSET else format_value(self.default)
        return (self.name, self.type, default, self.description, *map(format_value, bounds))

    @property
    def base(self) -> str:
        """The type of the value, or of the elements of the innermost list."""
        return self.type.rpartition(_LIST_OF)[2]

    def check(self, value: Any, *, span: Span | None = None) -> Value:
        """``value`` as this parameter holds it (an int becomes a float where one is wanted).

        Raises UserError at ``span`` when the type, the bounds or the choices forbid it.
        """
        try:
            frozen = freeze(value)
        except UserError as error:
            raise self._wrong(error.message, span) from None
        if frozen is None and self.default is None:
            return None
        return self._checked(frozen, self.type, span, frozen)

    def _checked(self, value: Value, expected: str, span: Span | None, whole: Value) -> Value:
        inner = expected.removeprefix(_LIST_OF)
        if inner == expected:
            if not _is_a(expected, value):
                raise self._mismatch(whole, span)
            return self._element(value, span)
        if not isinstance(value, tuple):
            raise self._mismatch(whole, span)
        return tuple(self._checked(item, inner, span, whole) for item in value)

    def _element(self, value: Value, span: Span | None) -> Value:
        if not _is_a(self.base, value):
            raise self._mismatch(value, span)
        if self.base == "float" and isinstance(value, int):
            value = float(value)
        if isinstance(value, (int, float)):
            if self.minimum is not None and value < self.minimum:
                raise self._wrong(f"expected at least {self.minimum}, found {value}", span)
            if self.maximum is not None and value > self.maximum:
                raise self._wrong(f"expected at most {self.maximum}, found {value}", span)
        if self.choices and value not in self.choices:
            known = [format_value(choice) for choice in self.choices]
            found = format_value(value)
            raise self._wrong(
                f"expected one of {', '.join(known)}, found {found}", span, nearest(found, known)
            )
        return value

    def _mismatch(self, value: Value, span: Span | None) -> UserError:
        found = format_value(value)
        return self._wrong(f"expected {self.type}, found {found} ({type_name(value)})", span)

    def _check_type(self) -> None:
        depth = self.type.count(_LIST_OF)
        if self.type != _LIST_OF * depth + self.base or depth > MAX_DEPTH:
            raise self._wrong(f"expected a type, found '{self.type}'")
        if self.base in BASE_TYPES:
            return
        known = ", ".join(BASE_TYPES)
        raise self._wrong(
            f"expected a type ({known}, or 'list of' one of these), found '{self.type}'",
            hint="say what the elements are, as in 'list of int'"
            if self.base == "list"
            else nearest(self.base, BASE_TYPES),
        )

    def _wrong(self, message: str, span: Span | None = None, hint: str | None = None) -> UserError:
        declared = span is not None and self.span is not None and span != self.span
        return UserError(
            f"parameter '{self.name}': {message}",
            span=span or self.span,
            hint=hint,
            notes=[Note("the parameter is declared here", self.span)] if declared else [],
        )


def _is_a(type_: str, value: Value) -> bool:
    if isinstance(value, (Reference, tuple)) or value is None:
        return False
    if isinstance(value, bool):
        return type_ == "bool"
    if type_ == "float":
        return isinstance(value, (int, float))
    return isinstance(value, {"int": int, "string": str, "bool": bool}[type_])
