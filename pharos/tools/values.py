"""Results of a call, for people and for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pharos.core.artifact import Argument, EntryPoint
from pharos.runtime.dtypes import from_bf16
from pharos.tools.numbers import number_text


@dataclass(frozen=True)
class Output:
    """One thing that a call gave: ``name`` is "result 0" or "argument 2"."""

    name: str
    argument: Argument
    value: Any


def outputs(entry: EntryPoint, arguments: Sequence[Any], results: Any) -> list[Output]:
    """The results of a call of ``entry``, then the arrays among ``arguments`` that it may have
    written to."""
    returned = results if len(entry.results) > 1 else (results,)
    given = zip(entry.results, returned, strict=False)
    passed = enumerate(zip(entry.arguments, arguments, strict=True))
    return [
        *(Output(f"result {number}", a, _readable(a, v)) for number, (a, v) in enumerate(given)),
        *(
            Output(f"argument {number}", argument, _readable(argument, value))
            for number, (argument, value) in passed
            if argument.kind == "memref" and argument.written
        ),
    ]


def _readable(argument: Argument, value: Any) -> Any:
    """``value`` as numbers: without ml_dtypes, numpy knows bf16 as two bytes of anything."""
    if argument.kind == "memref" and value.dtype == np.dtype("V2"):
        return from_bf16(value)
    return value


def as_text(found: Sequence[Output], count: int) -> str:
    """Lines for people; of each array the first ``count`` elements. A number that is all there
    is stands alone."""
    if len(found) == 1 and found[0].argument.kind != "memref":
        return _scalar(found[0])
    return "\n".join(_line(output, count) for output in found)


def as_data(output: Output, count: int) -> dict[str, Any]:
    """``output`` for JSON; of an array the shape and the first ``count`` elements."""
    argument = output.argument
    data: dict[str, Any] = {"name": output.name, "kind": argument.kind, "dtype": argument.dtype}
    if argument.kind != "memref":
        return data | {"value": plain(output.value)}
    first = output.value.reshape(-1)[:count]
    return data | {"shape": list(output.value.shape), "values": [plain(item) for item in first]}


def plain(value: Any) -> Any:
    """A number as JSON has it; what JSON cannot say is a string: "NaN", "inf", "-inf"."""
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else number_text(number, "f64")


def _scalar(output: Output) -> str:
    if output.argument.kind == "pointer":
        return f"{output.value:#x}"
    return number_text(output.value, output.argument.dtype)


def _line(output: Output, count: int) -> str:
    argument, value = output.argument, output.value
    if argument.kind != "memref":
        kind = argument.dtype if argument.kind == "scalar" else argument.kind
        return f"{output.name}: {kind} {_scalar(output)}"
    head = f"{output.name}: {argument.dtype}[{', '.join(map(str, value.shape))}]"
    if value.size > count:
        head += f" {_statistics(value, argument.dtype)}"
    shown = [number_text(item, argument.dtype) for item in value.reshape(-1)[:count]]
    rest = ["..."] if 0 < count < value.size else []
    return " ".join([head, *shown, *rest])


def _statistics(value: Any, dtype: str) -> str:
    """Least, greatest and mean of more elements than are shown."""
    least, most = (number_text(pick, dtype) for pick in (value.min(), value.max()))
    return f"(min {least}, max {most}, mean {value.astype(np.float64).mean():.6g})"
