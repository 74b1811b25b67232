"""Functions that the hardware approximates: computed here as exactly as the host's library does.

The manual bounds the hardware's errors (2 ulp for ex2 and rsqrt, 1 ulp for rcp, 2^-11 relative for
tanh, ...); what is built of them is measured against these bounds, not against the simulator.
"""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.values import Value
from pharos.simt.writer import Writer

TABLE = Meanings("approximations")
_FLOAT = "PTX ISA 9.0, 9.7.3."
_SMALLEST_NORMAL = 2.0**-126
# How spellings end: `.ftz` and the type, in the intrinsics of LLVM 22 and before and of later ones.
_END = r"(?P<ftz>\.ftz)?\.(?:f|f32)"


def _flush(w: Writer, value: Value, call: Call) -> Value:
    """Zero of the same sign instead of a subnormal number, if the instruction has .ftz."""
    if not call.match["ftz"]:
        return value
    zero = w.call("llvm.copysign.f32", "float", w.constant(0.0, "float"), value)
    return w.select(w.intrinsic("fabs", value) < _SMALLEST_NORMAL, zero, value)


def _apply(w: Writer, call: Call, name: str) -> Value:
    given = _flush(w, call.arguments[0], call)
    return _flush(w, w.intrinsic(name, given), call)


@meaning(TABLE, r"llvm\.nvvm\.ex2\.approx" + _END, r"ex2\.approx(?P<ftz>\.ftz)?\.f32 \$0, \$1;",
         source=_FLOAT + "21 ex2")  # fmt: skip
def ex2(w: Writer, call: Call) -> Value:
    return _apply(w, call, "exp2")


@meaning(TABLE, r"llvm\.nvvm\.lg2\.approx" + _END, r"lg2\.approx(?P<ftz>\.ftz)?\.f32 \$0, \$1;",
         source=_FLOAT + "20 lg2")  # fmt: skip
def lg2(w: Writer, call: Call) -> Value:
    return _apply(w, call, "log2")


@meaning(TABLE, r"llvm\.nvvm\.(?P<what>sin|cos)\.approx" + _END,
         r"(?P<what>sin|cos)\.approx(?P<ftz>\.ftz)?\.f32 \$0, \$1;",
         source=_FLOAT + "18 sin, 9.7.3.19 cos")  # fmt: skip
def sine(w: Writer, call: Call) -> Value:
    return _apply(w, call, call.match["what"])


@meaning(TABLE, r"llvm\.nvvm\.sqrt\.(?:approx|rn)" + _END,
         r"sqrt\.approx(?P<ftz>\.ftz)?\.f32 \$0, \$1;", source=_FLOAT + "15 sqrt")  # fmt: skip
def sqrt(w: Writer, call: Call) -> Value:
    return _apply(w, call, "sqrt")


@meaning(TABLE, r"llvm\.nvvm\.tanh\.approx\.f32(?P<ftz>)",
         r"tanh\.approx(?P<ftz>)\.f32 \$0, \$1;", source=_FLOAT + "22 tanh")  # fmt: skip
def tanh(w: Writer, call: Call) -> Value:
    return _apply(w, call, "tanh")


@meaning(TABLE, r"llvm\.nvvm\.rsqrt\.approx" + _END, r"rsqrt\.approx(?P<ftz>\.ftz)?\.f32 \$0, \$1;",
         source=_FLOAT + "16 rsqrt")  # fmt: skip
def rsqrt(w: Writer, call: Call) -> Value:
    """In double precision, so that the result is rounded once."""
    given = w.convert(_flush(w, call.arguments[0], call), "double")
    return _flush(w, w.convert(1.0 / w.intrinsic("sqrt", given), "float"), call)


@meaning(TABLE, r"llvm\.nvvm\.rcp\.(?:approx|rn)" + _END,
         r"rcp\.approx(?P<ftz>\.ftz)?\.f32 \$0, \$1;", source=_FLOAT + "13 rcp")  # fmt: skip
def rcp(w: Writer, call: Call) -> Value:
    return _flush(w, 1.0 / _flush(w, call.arguments[0], call), call)


@meaning(TABLE, r"llvm\.nvvm\.div\.(?:approx|full|rn)" + _END, source=_FLOAT + "8 div")
def div(w: Writer, call: Call) -> Value:
    left, right = (_flush(w, value, call) for value in call.arguments)
    return _flush(w, left / right, call)
