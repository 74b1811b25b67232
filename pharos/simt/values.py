"""Values of LLVM IR with Python's operators, for those who write meanings.

    row = lane // 4 + 8 * (register // 2)

works on numbers and on Values alike, so that an index function is written once and used both by
a meaning and by the numpy reference in its test. Operators on integers are unsigned (`//`, `%`,
`>>`, `<`); `signed_less` and `arithmetic_shift` are there for the rest. Integers and floats of
Python take the type of the other operand.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Union

from pharos.simt import types

if TYPE_CHECKING:
    from pharos.simt.emitter import Emitter

Operand = Union["Value", int, float, bool]


class Value:
    """One SSA value or constant: ``text`` as LLVM writes it, and its ``type``."""

    __slots__ = ("emitter", "text", "type")
    __hash__ = object.__hash__

    def __init__(self, emitter: Emitter, text: str, type: str) -> None:
        self.emitter = emitter
        self.text = text
        self.type = type

    def __repr__(self) -> str:
        return f"{self.type} {self.text}"

    @property
    def typed(self) -> str:
        """`i32 %5`: as an operand with its type."""
        return f"{self.type} {self.text}"

    def _do(self, integer: str, floating: str, other: Operand, swapped: bool = False) -> Value:
        left, right = self, self.emitter.operand(other, self.type)
        if swapped:
            left, right = right, left
        name = floating if types.is_float(self.type) else integer
        if not name:
            raise TypeError(f"no such operator for {self.type}")
        return self.emitter.emit(f"{name} {left.typed}, {right.text}", self.type)

    def _compare(self, integer: str, floating: str, other: Operand) -> Value:
        right = self.emitter.operand(other, self.type)
        vector = types.vector_of(self.type)
        kind = f"fcmp {floating}" if types.is_float(self.type) else f"icmp {integer}"
        result = f"<{vector[0]} x i1>" if vector else "i1"
        return self.emitter.emit(f"{kind} {self.typed}, {right.text}", result)

    def __add__(self, other: Operand) -> Value:
        return self._do("add", "fadd", other)

    def __radd__(self, other: Operand) -> Value:
        return self._do("add", "fadd", other, swapped=True)

    def __sub__(self, other: Operand) -> Value:
        return self._do("sub", "fsub", other)

    def __rsub__(self, other: Operand) -> Value:
        return self._do("sub", "fsub", other, swapped=True)

    def __mul__(self, other: Operand) -> Value:
        return self._do("mul", "fmul", other)

    def __rmul__(self, other: Operand) -> Value:
        return self._do("mul", "fmul", other, swapped=True)

    def __truediv__(self, other: Operand) -> Value:
        return self._do("", "fdiv", other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self._do("", "fdiv", other, swapped=True)

    def __floordiv__(self, other: Operand) -> Value:
        return self._do("udiv", "", other)

    def __mod__(self, other: Operand) -> Value:
        return self._do("urem", "", other)

    def __and__(self, other: Operand) -> Value:
        return self._do("and", "", other)

    def __rand__(self, other: Operand) -> Value:
        return self._do("and", "", other, swapped=True)

    def __or__(self, other: Operand) -> Value:
        return self._do("or", "", other)

    def __ror__(self, other: Operand) -> Value:
        return self._do("or", "", other, swapped=True)

    def __xor__(self, other: Operand) -> Value:
        return self._do("xor", "", other)

    def __rxor__(self, other: Operand) -> Value:
        return self._do("xor", "", other, swapped=True)

    def __lshift__(self, other: Operand) -> Value:
        return self._do("shl", "", other)

    def __rlshift__(self, other: Operand) -> Value:
        return self._do("shl", "", other, swapped=True)

    def __rshift__(self, other: Operand) -> Value:
        return self._do("lshr", "", other)

    def __invert__(self) -> Value:
        return self._do("xor", "", -1)

    def __neg__(self) -> Value:
        if types.is_float(self.type):
            return self.emitter.emit(f"fneg {self.typed}", self.type)
        return self._do("sub", "", 0, swapped=True)

    def __lt__(self, other: Operand) -> Value:
        return self._compare("ult", "olt", other)

    def __le__(self, other: Operand) -> Value:
        return self._compare("ule", "ole", other)

    def __gt__(self, other: Operand) -> Value:
        return self._compare("ugt", "ogt", other)

    def __ge__(self, other: Operand) -> Value:
        return self._compare("uge", "oge", other)

    def __eq__(self, other: object) -> Value:  # type: ignore[override]
        return self._compare("eq", "oeq", other)  # type: ignore[arg-type]

    def __ne__(self, other: object) -> Value:  # type: ignore[override]
        return self._compare("ne", "une", other)  # type: ignore[arg-type]

    def signed_less(self, other: Operand) -> Value:
        """Whether this integer is below ``other``, both read as signed."""
        return self._compare("slt", "olt", other)

    def arithmetic_shift(self, other: Operand) -> Value:
        """Shifted right, the sign filling in."""
        return self._do("ashr", "", other)

    def __bool__(self) -> bool:
        raise TypeError("a Value is known only when the kernel runs: use w.when or w.select")


def constant_text(value: int | float | bool, type: str) -> str:
    """A constant of ``type`` as LLVM writes it; a vector has ``value`` in every element."""
    vector = types.vector_of(type)
    if vector:
        one = constant_text(value, vector[1])
        return "<" + ", ".join([f"{vector[1]} {one}"] * vector[0]) + ">"
    if type == "i1":
        return "true" if value else "false"
    if types.address_space(type) is not None:
        if value != 0:
            raise TypeError("the only constant pointer is 0")
        return "null"
    if types.is_float(type):
        return _float_text(float(value), type)
    if isinstance(value, float):
        raise TypeError(f"{value} is no constant of type {type}")
    return str(int(value))


def _float_text(value: float, type: str) -> str:
    if type == "half":
        return "0xH" + struct.pack(">e", value).hex().upper()
    if type == "bfloat":
        return "0xR" + struct.pack(">f", value).hex().upper()[:4]
    if type == "float":
        value = struct.unpack("f", struct.pack("f", value))[0]
    return "0x" + struct.pack(">d", value).hex().upper()
