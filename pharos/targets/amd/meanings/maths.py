"""Instructions of one lane: functions of the transcendental unit, bit fields, conversions.

The hardware's functions are off by up to one unit in the last place; these are rounded correctly
or as the host's library rounds.
"""

from __future__ import annotations

from pharos.simt import Call, Meanings, Value, Writer, meaning

TABLE = Meanings("maths")
_VOP1 = "RDNA3 ISA, 16 Instructions, VOP1 opcodes, "
_VOP3 = "RDNA3 ISA, 16 Instructions, VOP3 opcodes, "


@meaning(TABLE, r"llvm\.amdgcn\.rcp\..*", source=_VOP1 + "V_RCP_F32 and others")
def reciprocal(w: Writer, call: Call) -> Value:
    """1 / x."""
    return w.constant(1.0, call.type) / call.arguments[0]


@meaning(TABLE, r"llvm\.amdgcn\.rsq\..*", source=_VOP1 + "V_RSQ_F32 and others")
def reciprocal_root(w: Writer, call: Call) -> Value:
    """1 / sqrt(x)."""
    root = w.intrinsic("sqrt", w.convert(call.arguments[0], "double"))
    return w.convert(w.constant(1.0, "double") / root, call.type)


@meaning(TABLE, r"llvm\.amdgcn\.(?P<name>sqrt|exp2|log)\..*",
         source=_VOP1 + "V_SQRT_F32, V_EXP_F32, V_LOG_F32 (base 2)")  # fmt: skip
def function(w: Writer, call: Call) -> Value:
    """sqrt(x), 2 to the x, or log2(x)."""
    name = "log2" if call.match["name"] == "log" else call.match["name"]
    return w.intrinsic(name, call.arguments[0])


@meaning(TABLE, r"llvm\.amdgcn\.fmed3\..*", source=_VOP3 + "V_MED3_F32")
def median(w: Writer, call: Call) -> Value:
    """The middle one of three."""
    a, b, c = call.arguments
    low, high = w.intrinsic("minnum", a, b), w.intrinsic("maxnum", a, b)
    return w.intrinsic("maxnum", low, w.intrinsic("minnum", high, c))


@meaning(TABLE, r"llvm\.amdgcn\.(?P<sign>[us])bfe\.i32", source=_VOP3 + "V_BFE_U32, V_BFE_I32")
def bit_field(w: Writer, call: Call) -> Value:
    """value, first bit, width (both modulo 32) -> that field, widened; 0 for the width 0."""
    value, first, width = call.arguments
    first, width = first & 31, width & 31
    shifted = value >> first
    if call.match["sign"] == "s":
        shifted = value.arithmetic_shift(first)
    rest = (w.constant(32) - width) & 31
    raised = shifted << rest
    field = raised >> rest if call.match["sign"] == "u" else raised.arithmetic_shift(rest)
    return w.select(width == 0, 0, field)


@meaning(TABLE, r"llvm\.amdgcn\.perm", source=_VOP3 + "V_PERM_B32")
def permute_bytes(w: Writer, call: Call) -> Value:
    """high word, low word, four selectors -> four bytes.

    Selectors 0 to 7 name a byte of the eight, 8 to 11 the sign of bytes 1, 3, 5, 7, 12 is 0x00,
    all above 0xff.
    """
    high, low, selectors = call.arguments
    eight = (w.convert(high, "i64") << 32) | w.convert(low, "i64")
    result = w.constant(0)
    for number in range(4):
        chosen = w.convert(selectors >> 8 * number & 0xFF, "i64")
        byte = eight >> ((chosen & 7) << 3) & 0xFF
        sign = eight >> (((chosen - 8 & 3) << 4) + 15) & 1
        sign = sign * 0xFF
        picked = w.select(chosen < 8, byte, w.select(chosen < 12, sign, 0))
        picked = w.select(chosen > 12, 0xFF, picked)
        result = result | w.convert(picked, "i32") << 8 * number
    return result
