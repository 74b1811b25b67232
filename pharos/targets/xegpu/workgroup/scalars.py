"""arith and math on numbers and on whole tiles alike, as numpy computes them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from pharos.ir.bindings import mlir
from pharos.runtime.dtypes import numpy_dtype
from pharos.targets.xegpu.workgroup.table import Run, handles

_UNSIGNED = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}
_BINARY: dict[str, Callable[..., Any]] = {
    "arith.addf": np.add,
    "arith.subf": np.subtract,
    "arith.mulf": np.multiply,
    "arith.divf": np.divide,
    "arith.remf": np.fmod,
    "arith.maximumf": np.maximum,
    "arith.minimumf": np.minimum,
    "arith.maxnumf": np.fmax,
    "arith.minnumf": np.fmin,
    "arith.addi": np.add,
    "arith.subi": np.subtract,
    "arith.muli": np.multiply,
    "arith.andi": np.bitwise_and,
    "arith.ori": np.bitwise_or,
    "arith.xori": np.bitwise_xor,
    "arith.maxsi": np.maximum,
    "arith.minsi": np.minimum,
    "math.powf": np.power,
    "math.atan2": np.arctan2,
}
_OF_UNSIGNED: dict[str, Callable[..., Any]] = {
    "arith.divui": np.floor_divide,
    "arith.remui": np.remainder,
    "arith.maxui": np.maximum,
    "arith.minui": np.minimum,
    "arith.shrui": np.right_shift,
    "arith.shli": np.left_shift,
}
_erf = np.frompyfunc(math.erf, 1, 1)
_UNARY: dict[str, Callable[..., Any]] = {
    "arith.negf": np.negative,
    "math.absf": np.abs,
    "math.exp": np.exp,
    "math.exp2": np.exp2,
    "math.expm1": np.expm1,
    "math.log": np.log,
    "math.log2": np.log2,
    "math.log10": np.log10,
    "math.log1p": np.log1p,
    "math.sqrt": np.sqrt,
    "math.rsqrt": lambda x: 1 / np.sqrt(x),
    "math.tanh": np.tanh,
    "math.sin": np.sin,
    "math.cos": np.cos,
    "math.tan": np.tan,
    "math.atan": np.arctan,
    "math.erf": lambda x: np.asarray(_erf(x), np.float64),
    "math.ceil": np.ceil,
    "math.floor": np.floor,
    "math.roundeven": np.rint,
    "math.trunc": np.trunc,
}
_CASTS = (
    "arith.extf",
    "arith.truncf",
    "arith.extsi",
    "arith.trunci",
    "arith.sitofp",
    "arith.fptosi",
    "arith.index_cast",
)
# MLIR, arith.cmpi and arith.cmpf: the predicates in the order of their numbers.
_INTEGERS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
_FLOATS = ("false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
           "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true")  # fmt: skip
_ORDERED = {
    "eq": np.equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "ne": np.not_equal,
}


def dtype_of(kind: Any) -> Any:
    """The numpy type of a value's elements."""
    element = kind.element_type if isinstance(kind, mlir.ShapedType) else kind
    return np.dtype(bool) if str(element) == "i1" else numpy_dtype(str(element))


@handles("arith.constant")
def constant(operation: Any) -> Run:
    kind = operation.results[0].type
    attribute, dtype = operation.attributes["value"], dtype_of(kind)
    if isinstance(kind, mlir.VectorType):
        value: Any = _dense(mlir.DenseElementsAttr(attribute), kind, dtype)
    else:
        value = dtype.type(attribute.value)
    return lambda frame: (value,)


def _dense(attribute: Any, kind: Any, dtype: Any) -> Any:
    """The elements of a constant vector."""
    if attribute.is_splat:
        return np.full(kind.shape, attribute.get_splat_value().value, dtype)
    if dtype.kind in "bi":
        # The bindings give indices without their sign.
        numbers = [int(one) % (1 << 64) for one in mlir.DenseIntElementsAttr(attribute)]
        return np.reshape(np.array(numbers, np.uint64).astype(dtype), kind.shape)
    if dtype.itemsize == 2:
        return np.reshape(_short_floats(str(attribute), dtype), kind.shape)
    return np.reshape(np.array(list(mlir.DenseFPElementsAttr(attribute)), dtype), kind.shape)


def _short_floats(text: str, dtype: Any) -> Any:
    """The elements of an attribute of f16 or bf16, which the bindings print and do not give:
    numbers, bits where they are not finite, or all bytes of a long one."""
    inside = text.split("<", 1)[1].rsplit("> :", 1)[0]
    if inside.startswith('"0x'):
        return np.frombuffer(bytes.fromhex(inside[3:-1]), np.uint16).view(dtype)
    words = re.sub(r"[\[\]\s]", "", inside).split(",")
    bits = [np.array(int(w, 16) if w[:2] == "0x" else 0, np.uint16).view(dtype) for w in words]
    read = [b if w[:2] == "0x" else float(w) for w, b in zip(words, bits, strict=True)]
    return np.array(read, dtype)


@handles(*_BINARY)
def binary(operation: Any) -> Run:
    function, dtype = _BINARY[operation.name], dtype_of(operation.results[0].type)
    return lambda frame, a, b: (_as(function(a, b), dtype),)


@handles(*_OF_UNSIGNED)
def of_unsigned(operation: Any) -> Run:
    function, dtype = _OF_UNSIGNED[operation.name], dtype_of(operation.results[0].type)
    bits = _UNSIGNED[dtype.itemsize * 8]
    return lambda frame, a, b: (_as(function(_as(a, bits), _as(b, bits)), dtype),)


@handles(*_UNARY)
def unary(operation: Any) -> Run:
    function, dtype = _UNARY[operation.name], dtype_of(operation.results[0].type)
    return lambda frame, a: (_as(function(_as(a, np.float64)), dtype),)


@handles("math.fma")
def fma(operation: Any) -> Run:
    dtype = dtype_of(operation.results[0].type)

    def run(frame: Any, a: Any, b: Any, c: Any) -> Any:
        # The product of two f32 is exact in double; rounding twice is off by half a unit at most.
        exact = _as(a, np.float64) * _as(b, np.float64) + _as(c, np.float64)
        return (_as(exact, dtype),)

    return run


@handles(*_CASTS)
def cast(operation: Any) -> Run:
    dtype = dtype_of(operation.results[0].type)
    return lambda frame, a: (_as(a, dtype),)


@handles("arith.extui", "arith.uitofp", "arith.index_castui")
def from_unsigned(operation: Any) -> Run:
    dtype, source = dtype_of(operation.results[0].type), dtype_of(operation.operands[0].type)
    bits = source if source.kind == "b" else _UNSIGNED[source.itemsize * 8]
    return lambda frame, a: (_as(_as(a, bits), dtype),)


@handles("arith.bitcast")
def bitcast(operation: Any) -> Run:
    dtype = dtype_of(operation.results[0].type)
    return lambda frame, a: (np.asarray(a).view(dtype),)


@handles("arith.select")
def select(operation: Any) -> Run:
    return lambda frame, condition, a, b: (np.where(condition, a, b),)


@handles("arith.cmpi")
def compare_integers(operation: Any) -> Run:
    number = mlir.IntegerAttr(operation.attributes["predicate"]).value
    unsigned = number > 5
    names = _INTEGERS if not unsigned else _INTEGERS[2:]
    function = getattr(np, names[number - 6 if unsigned else number])
    source = dtype_of(operation.operands[0].type)
    bits = _UNSIGNED[source.itemsize * 8] if unsigned else source
    return lambda frame, a, b: (function(_as(a, bits), _as(b, bits)),)


@handles("arith.cmpf")
def compare_floats(operation: Any) -> Run:
    name = _FLOATS[mlir.IntegerAttr(operation.attributes["predicate"]).value]

    def run(frame: Any, a: Any, b: Any) -> Any:
        unordered = np.isnan(_as(a, np.float32)) | np.isnan(_as(b, np.float32))
        if name in ("false", "true"):
            return (np.full(np.shape(unordered), name == "true"),)
        if name in ("ord", "uno"):
            return (unordered if name == "uno" else ~unordered,)
        holds = _ORDERED[name[1:]](a, b)
        return (holds | unordered if name[0] == "u" else holds & ~unordered,)

    return run


def _as(value: Any, dtype: Any) -> Any:
    """``value`` as ``dtype``; integers wrap around, floats are rounded to the nearest."""
    return np.asarray(value).astype(dtype, copy=False)
