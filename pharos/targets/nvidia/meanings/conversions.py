"""Arithmetic and conversions that have intrinsics of their own."""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.values import Value
from pharos.simt.writer import Writer
from pharos.targets.nvidia.meanings.products import TF32_MASK

TABLE = Meanings("conversions")


@meaning(TABLE, r"llvm\.nvvm\.f2tf32\.rna", source="PTX ISA 9.0, 9.7.9.21 cvt.rna.tf32.f32")
def to_tf32(w: Writer, call: Call) -> Value:
    """To ten bits of fraction, the nearest one, away from zero from the middle; NaN stays NaN."""
    given = call.arguments[0]
    rounded = w.cast("bitcast", given, "i32") + (1 << 12) & TF32_MASK
    return w.select(given == given, rounded, 0x7FFFE000)


@meaning(
    TABLE,
    r"llvm\.nvvm\.ff2(?P<to>f16|bf16)x2\.rn(?P<relu>\.relu)?",
    source="PTX ISA 9.0, 9.7.9.21 cvt.rn.f16x2.f32, cvt.rn.bf16x2.f32",
)
def to_pair(w: Writer, call: Call) -> Value:
    """Two floats as a pair of halves, the first operand in the upper half."""
    kind = "half" if call.match["to"] == "f16" else "bfloat"
    upper, lower = call.arguments
    if call.match["relu"]:
        zero = w.constant(0.0, "float")
        upper, lower = (w.call("llvm.maximum.f32", "float", v, zero) for v in (upper, lower))
    return w.aggregate(f"<2 x {kind}>", [w.convert(lower, kind), w.convert(upper, kind)])


@meaning(TABLE, r"llvm\.nvvm\.fma\.rn(?P<ftz>)\.f", source="PTX ISA 9.0, 9.7.3.6 fma")
def fused_multiply_add(w: Writer, call: Call) -> Value:
    return w.intrinsic("fma", *call.arguments)


@meaning(TABLE, r"llvm\.nvvm\.idp4a\.(?P<a>[su])\.(?P<b>[su])", source="PTX ISA 9.0, 9.7.1.23 dp4a")
def dot_of_four(w: Writer, call: Call) -> Value:
    """Four products of 8-bit integers and a sum of 32 bits, which wraps around."""
    left, right = (
        w.convert(w.cast("bitcast", call.arguments[i], "<4 x i8>"), "<4 x i32>",
                  signed=call.match["ab"[i]] == "s")
        for i in (0, 1)
    )  # fmt: skip
    total = call.arguments[2]
    for part in w.parts(left * right):
        total = total + part
    return total


@meaning(TABLE, r"llvm\.nvvm\.prmt", source="PTX ISA 9.0, 9.7.9.7 prmt (default mode)")
def permute_bytes(w: Writer, call: Call) -> Value:
    """Four of the eight bytes of b and a, each by a selector of 4 bits; bit 3 spreads the sign."""
    a, b, selector = call.arguments
    pool = w.convert(a, "i64") | w.convert(b, "i64") << 32
    result = w.constant(0)
    for place in range(4):
        chosen = selector >> 4 * place
        byte = w.cast("trunc", pool >> w.convert((chosen & 7) * 8, "i64"), "i8")
        sign = byte.arithmetic_shift(7)
        byte = w.select(chosen & 8 == 0, byte, sign)
        result = result | w.convert(byte, "i32") << 8 * place
    return result
