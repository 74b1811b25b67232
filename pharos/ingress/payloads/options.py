"""What builders have in common: options with help texts, and how combinations are refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pharos.core.errors import UserError, nearest
from pharos.ingress.payloads.forms import ACTIVATIONS, FORMS
from pharos.ingress.payloads.writer import DTYPES, is_float, wider


@dataclass(frozen=True)
class Built:
    """The text of a module with one function, ``name``; ``flops`` of one call."""

    name: str
    text: str
    flops: int


class Builder(Protocol):
    """A payload with its options as fields."""

    name: ClassVar[str]

    def build(self) -> Built:
        """The payload. Raises UserError, in one line, for options that do not go together."""


def option(help: str, default: Any = None, *, needed: bool = False) -> Any:
    """A field with its help text."""
    metadata = {"help": help}
    return field(metadata=metadata) if needed else field(default=default, metadata=metadata)


FORM_HELP = f"{', '.join(FORMS)}: how the operations are written."
DTYPE_HELP = "Element type of the inputs."
ACCUMULATOR_HELP = "Type of the sums.  [default: f32 for f16 and bf16, i32 for i8]"
RESULT_HELP = "Element type of the result.  [default: that of the sums]"


def choose(option: str, value: str, known: Collection[str]) -> None:
    """Raise UserError unless ``value`` is ``known``."""
    if value not in known:
        raise UserError(
            f"--{option}: expected one of {', '.join(known)}, found '{value}'",
            hint=nearest(value, known),
        )


def positive(**sizes: int) -> None:
    """Raise UserError for a size that is not at least 1."""
    for name, size in sizes.items():
        if size < 1:
            raise UserError(f"--{name.replace('_', '-')}: expected at least 1, found {size}")


def refuse(one: str, other: str, why: str) -> UserError:
    """The error for two options that do not go together."""
    return UserError(f"{one} with {other} is not supported: {why}")


@dataclass(frozen=True)
class Types:
    """Element types of the inputs, the sums and the result."""

    dtype: str
    accumulator: str
    result: str

    @staticmethod
    def of(dtype: str, accumulator: str, result: str) -> Types:
        """The types with defaults filled in. Raises UserError for those that do not go together."""
        choose("dtype", dtype, DTYPES)
        sums = accumulator or wider(dtype)
        choose("accumulator", sums, DTYPES)
        ends = result or sums
        choose("result", ends, DTYPES)
        for name, other in (("accumulator", sums), ("result", ends)):
            if is_float(other) != is_float(dtype):
                raise refuse(f"--{name} {other}", f"--dtype {dtype}", "one is float, one integer")
        if size(sums) < size(dtype) or (sums != dtype and size(sums) == size(dtype)):
            raise refuse(f"--accumulator {sums}", f"--dtype {dtype}", "the sums would be narrower")
        if ends != sums and size(ends) == size(sums):
            raise refuse(f"--result {ends}", f"--accumulator {sums}", "there is no conversion")
        return Types(dtype, sums, ends)


def size(dtype: str) -> int:
    """Bits of an element."""
    return int(dtype.removeprefix("b")[1:])


def check_common(form: str, activation: str, types: Types) -> None:
    """The form and the activation exist, and the activation is one of the type of the sums."""
    choose("form", form, FORMS)
    choose("activation", activation, ACTIVATIONS)
    if activation not in ("none", "relu") and not is_float(types.accumulator):
        raise refuse(
            f"--activation {activation}", f"--dtype {types.dtype}", "it is computed on floats"
        )


def float_only(name: str, dtype: str) -> None:
    """Raise UserError unless ``dtype`` is a float type."""
    choose("dtype", dtype, DTYPES)
    if not is_float(dtype):
        raise refuse(name, f"--dtype {dtype}", "it is computed on floats")


def total(sizes: Sequence[int]) -> int:
    """The product."""
    result = 1
    for one in sizes:
        result *= one
    return result
