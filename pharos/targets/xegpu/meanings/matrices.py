"""dpas: sums += A * B by a whole subgroup.

Lane n has column n of the sums and of B, whose inner dimension lies 32 bits to a word, two f16 or
bf16 or four i8 (VNNI), or one tf32. Of A, lane l has column l, for i8 columns 2 l and 2 l + 1, row
after row.
"""

from __future__ import annotations

from pharos.simt import Call, Value, Writer, meaning
from pharos.simt.types import vector_of
from pharos.targets.xegpu.meanings.table import MATRICES

_SOURCE = "cl_intel_subgroup_matrix_multiply_accumulate, layouts for a subgroup size of 16"


@meaning(
    MATRICES, r"_Z\d+intel_sub_group_(?P<type>f16|bf16)_(?P=type)_matrix_mad_k16\w+", source=_SOURCE
)
def multiply_floats(w: Writer, call: Call) -> Value:
    """``floatM f(shortM a, int8 b, floatM sums)`` of f16 or bf16, added in f32."""
    a, b, sums = call.arguments
    rows = _rows(sums)
    wide, element = f"<{rows} x float>", call.match[1]
    factors = w.parts(_widened(w, w.cast("bitcast", b, "<16 x i16>"), element))
    lanes = w.exchange(a)
    for k in range(16):
        column = _widened(w, lanes.read(k), element)
        spread = w.aggregate(wide, [factors[k]] * rows)
        sums = w.intrinsic("fma", column, spread, sums)
    return sums


@meaning(
    MATRICES,
    r"_Z\d+intel_sub_group_(?P<left>[iu])8_(?P<right>[iu])8_matrix_mad_k32\w+",
    source=_SOURCE,
)
def multiply_bytes(w: Writer, call: Call) -> Value:
    """``intM f(shortM a, int8 b, intM sums)`` of signed (i) or unsigned (u) bytes."""
    a, b, sums = call.arguments
    rows = _rows(sums)
    signed = [word == "i" for word in call.match.groups()]
    wide = f"<{rows} x i32>"
    factors = [
        w.convert(v, "i32", signed=signed[1]) for v in w.parts(w.cast("bitcast", b, "<32 x i8>"))
    ]
    lanes = w.exchange(a)
    for lane in range(16):
        pairs = w.parts(w.cast("bitcast", lanes.read(lane), f"<{2 * rows} x i8>"))
        for half in range(2):
            column = [w.convert(v, "i32", signed=signed[0]) for v in pairs[half::2]]
            spread = w.aggregate(wide, [factors[2 * lane + half]] * rows)
            sums = sums + w.aggregate(wide, column) * spread
    return sums


@meaning(
    MATRICES,
    r"_Z\d+intel_sub_group_tf32_tf32_matrix_mad_k8\w+",
    source="cl_intel_subgroup_matrix_multiply_accumulate_tf32, 6.13.X.Y",
)
def multiply_tf32(w: Writer, call: Call) -> Value:
    """``floatM f(floatM/2 a, float8 b, floatM sums)``: factors with 10 bits, the others cut off,
    added in f32. Lanes 0 to 7 have the even rows of A, the others the odd ones."""
    a, b, sums = call.arguments
    rows = _rows(sums)
    wide, lanes = f"<{rows} x float>", w.exchange(a)
    factors = [_cut(w, value) for value in w.parts(b)]
    columns = [_parts(w, lanes.read(lane)) for lane in range(16)]
    for k, factor in enumerate(factors):
        column = [_cut(w, columns[k + 8 * (row % 2)][row // 2]) for row in range(rows)]
        spread = w.aggregate(wide, [factor] * rows)
        sums = w.intrinsic("fma", w.aggregate(wide, column), spread, sums)
    return sums


def _parts(w: Writer, value: Value) -> list[Value]:
    """The elements of a vector, or the one."""
    return w.parts(value) if vector_of(value.type) else [value]


def _cut(w: Writer, value: Value) -> Value:
    """What tf32 has of an f32: its upper 19 bits."""
    return w.cast("bitcast", w.cast("bitcast", value, "i32") & 0xFFFFE000, "float")


def _widened(w: Writer, bits: Value, element: str) -> Value:
    """The f32 values of a vector of 16-bit patterns."""
    rows = (vector_of(bits.type) or (0, ""))[0]
    if element == "f16":
        return w.convert(w.cast("bitcast", bits, f"<{rows} x half>"), f"<{rows} x float>")
    # A bf16 is the upper half of a float. LLVM's own bf16 needs a library on many processors.
    words = w.convert(bits, f"<{rows} x i32>") << 16
    return w.cast("bitcast", words, f"<{rows} x float>")


def _rows(sums: Value) -> int:
    """Rows of the sums: 1 to 8."""
    found = vector_of(sums.type)
    if found is None or not 1 <= found[0] <= 8:
        raise ValueError(f"sums of {sums.type} are none of dpas")
    return found[0]
