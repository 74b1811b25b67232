"""The text of a function of tensors, written line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FLOATS = ("f32", "f64", "f16", "bf16")
INTEGERS = ("i8", "i32", "i64")
DTYPES = (*FLOATS, *INTEGERS)


@dataclass(frozen=True)
class Value:
    """A tensor: its name in the text, its sizes, its element type."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def type(self) -> str:
        """Its type in MLIR's syntax."""
        return tensor(self.shape, self.dtype)


def tensor(shape: Sequence[int], dtype: str) -> str:
    """The type of a tensor."""
    return f"tensor<{''.join(f'{size}x' for size in shape)}{dtype}>"


def is_float(dtype: str) -> bool:
    """Whether ``dtype`` is a float type."""
    return dtype in FLOATS


def wider(dtype: str) -> str:
    """The type that sums of ``dtype`` are kept in when nothing else is said."""
    return {"f16": "f32", "bf16": "f32", "i8": "i32"}.get(dtype, dtype)


def literal(number: float, dtype: str) -> str:
    """``number`` as a constant of ``dtype``."""
    if not is_float(dtype):
        return str(int(number))
    if number == float("-inf"):
        return {"f16": "0xFC00", "bf16": "0xFF80", "f32": "0xFF800000"}.get(
            dtype, "0xFFF0000000000000"
        )
    return f"{number!r}" if "." in repr(number) else f"{float(number):.6e}"


class Writer:
    """Collects the lines of one function."""

    def __init__(self, name: str) -> None:
        self.name = name.replace("-", "_")
        self._arguments: list[Value] = []
        self._lines: list[str] = []
        self._constants: dict[tuple[float, str], str] = {}
        self._names = 0

    def argument(self, name: str, shape: Sequence[int], dtype: str) -> Value:
        """A parameter of the function."""
        self._arguments.append(Value(f"%{name}", tuple(shape), dtype))
        return self._arguments[-1]

    def line(self, text: str) -> None:
        """One operation without a result, or a part of one."""
        self._lines.append(text)

    def make(self, shape: Sequence[int], dtype: str, text: str) -> Value:
        """The tensor that the operation ``text`` gives."""
        value = Value(self.fresh(), tuple(shape), dtype)
        self.line(f"{value.name} = {text}")
        return value

    def fresh(self) -> str:
        """A name that nothing has."""
        self._names += 1
        return f"%{self._names - 1}"

    def constant(self, number: float, dtype: str) -> str:
        """The name of a scalar constant, at the head of the function."""
        key = (number, dtype)
        if key not in self._constants:
            self._constants[key] = f"%cst{len(self._constants)}"
        return self._constants[key]

    def empty(self, shape: Sequence[int], dtype: str) -> Value:
        """A tensor of no particular elements."""
        return self.make(shape, dtype, f"tensor.empty() : {tensor(shape, dtype)}")

    def filled(self, number: float, shape: Sequence[int], dtype: str) -> Value:
        """A tensor that is ``number`` everywhere."""
        start, scalar = self.empty(shape, dtype), self.constant(number, dtype)
        return self.make(
            shape,
            dtype,
            f"linalg.fill ins({scalar} : {dtype}) outs({start.name} : {start.type}) "
            f"-> {start.type}",
        )

    def reshaped(
        self, value: Value, groups: Sequence[Sequence[int]], shape: Sequence[int]
    ) -> Value:
        """``value`` with dimensions split or joined as ``groups`` say."""
        kind = "expand" if len(shape) > len(value.shape) else "collapse"
        sizes = f" output_shape {list(shape)}" if kind == "expand" else ""
        listed = [list(group) for group in groups]
        return self.make(
            shape,
            value.dtype,
            f"tensor.{kind}_shape {value.name} {listed}{sizes} : {value.type} into "
            f"{tensor(shape, value.dtype)}",
        )

    def text(self, result: Value) -> str:
        """The module with the function, which returns ``result``."""
        arguments = ", ".join(f"{one.name}: {one.type}" for one in self._arguments)
        constants = [
            f"{name} = arith.constant {literal(number, dtype)} : {dtype}"
            for (number, dtype), name in self._constants.items()
        ]
        lines = [*constants, *self._lines, f"return {result.name} : {result.type}"]
        body = "\n".join(f"  {line}" for line in lines)
        return f"func.func @{self.name}({arguments}) -> {result.type} {{\n{body}\n}}\n"
