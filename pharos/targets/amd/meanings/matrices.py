"""Matrix products of a wave: WMMA and MFMA. The last lane to come computes the product for all.

The operands lie in the meeting's slots, lane after lane. A's elements are broadcast from where
their lane has them, B is spread to rows, so that a row of the result is one vector; the rows are
handed to the first lanes, where every lane then finds its own elements by the layout's index
function. Products are added in f32, step after step, and C last: no manual says in which order
hardware rounds.
"""

from __future__ import annotations

from pharos.core.errors import UserError
from pharos.simt import Call, Meanings, Value, Writer, meaning
from pharos.simt.meetings import Meeting
from pharos.targets.amd import fragments
from pharos.targets.amd.fragments import Layout, Mfma, Wmma

TABLE = Meanings("matrices")
_MFMA = r"llvm\.amdgcn\.mfma\.f32\."
_MI300 = "MI300 ISA, 7 Matrix Arithmetic Instructions, V_MFMA_F32_"
_ROWS = {16: 8, 32: 4}  # of the result that are computed at a time: they fit AVX's registers
_DIFFERENT = "WMMA: lanes 16 to 31 must have the operands of lanes 0 to 15; lane {0} differs"


@meaning(
    TABLE,
    r"llvm\.amdgcn\.wmma\.f32\.16x16x16\.(?P<type>bf16|f16)\..*",
    source="RDNA3 ISA, 7.9 Wave Matrix Multiply Accumulate (WMMA), V_WMMA_F32_16X16X16_F16 (BF16)",
)
def wmma(w: Writer, call: Call) -> Value:
    """A, B (16 elements each; bf16 as i16), C -> D = A B + C (8 of f32)."""
    kind = "bfloat" if call.match["type"] == "bf16" else "half"
    return _product(w, call, fragments.WMMA, kind)


@meaning(TABLE, _MFMA + r"(?P<size>16x16x16|32x32x8)f16", source=_MI300 + "..._F16")
def mfma_f16(w: Writer, call: Call) -> Value:
    """A, B (4 elements each), C, cbsz, abid, blgp -> D = A B + C."""
    return _mfma(w, call, {16: fragments.MFMA_16_F16, 32: fragments.MFMA_32_F16}, "half")


@meaning(TABLE, _MFMA + r"(?P<size>16x16x16|32x32x8)bf16\.1k", source=_MI300 + "..._BF16")
def mfma_bf16(w: Writer, call: Call) -> Value:
    """As for f16; elements are given as i16."""
    return _mfma(w, call, {16: fragments.MFMA_16_F16, 32: fragments.MFMA_32_F16}, "bfloat")


@meaning(TABLE, _MFMA + r"(?P<size>16x16x4|32x32x2)f32", source=_MI300 + "..._F32")
def mfma_f32(w: Writer, call: Call) -> Value:
    """As for f16; A and B are one element."""
    return _mfma(w, call, {16: fragments.MFMA_16_F32, 32: fragments.MFMA_32_F32}, "float")


def _mfma(w: Writer, call: Call, layouts: dict[int, Mfma], kind: str) -> Value:
    broadcast = [call.constant(3 + n) for n in range(3)]
    if any(broadcast):
        raise UserError(f"MFMA with cbsz, abid, blgp = {broadcast}: only 0, 0, 0 is known here")
    return _product(w, call, layouts[int(call.match["size"][:2])], kind)


def _product(w: Writer, call: Call, layout: Layout, kind: str) -> Value:
    a, b, c = call.arguments[:3]
    if w.subgroup_size != layout.lanes:
        raise UserError(f"{call.text} is for waves of {layout.lanes}, not of {w.subgroup_size}")
    lanes = w.meeting([a, b], results=[f"<{layout.size} x float>"])
    with lanes.once():
        if isinstance(layout, Wmma):
            _check_halves(w, lanes, layout)
        _multiply(w, lanes, layout, kind)
    sums = [_at(w, lanes, *layout.position(w.lane, e)) for e in range(layout.sums)]
    return w.aggregate(c.type, sums) + c


def _at(w: Writer, lanes: Meeting, row: Value, column: Value) -> Value:
    """The element of the product: row r is the result of lane r."""
    return w.peek(w.element(lanes.pointer(row, 2), column, "float"), "float")


def _check_halves(w: Writer, lanes: Meeting, layout: Layout) -> None:
    for operand in (0, 1):
        bits = f"i{16 * layout.length}"
        with w.loop(16) as lane:
            first = w.peek(lanes.pointer(lane, operand), bits)
            second = w.peek(lanes.pointer(lane + 16, operand), bits)
            w.require(first == second, _DIFFERENT, lane + 16)


def _multiply(w: Writer, lanes: Meeting, layout: Layout, kind: str) -> None:
    """A times B, row by row into the results of the first lanes."""
    size, inner = layout.size, layout.inner
    left = _widened_a(w, lanes, layout, kind)
    right = _spread_b(w, lanes, layout, kind)
    row_type = f"<{size} x float>"
    together = _ROWS[size]
    with w.loop(size // together) as group:
        start = w.element(left, group * (together * layout.length), "float")
        rows = [w.constant(0, row_type) for _ in range(together)]
        for k in range(inner):
            column = w.peek(w.element(right, k * size, "float"), row_type)
            for row in range(together):
                lane, element = next(iter(layout.holders(row, k)))
                one = w.peek(w.element(start, lane * layout.length + element, "float"), "float")
                rows[row] = w.intrinsic("fma", _splat(w, one, row_type), column, rows[row])
        for row, sums in enumerate(rows):
            lanes.give(group * together + row, sums)


def _widened_a(w: Writer, lanes: Meeting, layout: Layout, kind: str) -> Value:
    """All lanes' elements of A as f32, one lane after another."""
    count = layout.length
    wide = w.local(f"[{layout.lanes * count} x float]")
    with w.loop(layout.lanes) as lane:
        elements = w.convert(w.peek(lanes.pointer(lane, 0), f"<{count} x {kind}>"),
                             f"<{count} x float>")  # fmt: skip
        w.poke(elements, w.element(wide, lane * count, "float"))
    return wide


def _spread_b(w: Writer, lanes: Meeting, layout: Layout, kind: str) -> Value:
    """B as rows of ``size`` f32, one for each inner step."""
    size, count = layout.size, layout.length
    spread = w.local(f"[{size * layout.inner} x float]")
    # Of WMMA's lanes the second half has the same again.
    holders = size * layout.inner // count
    with w.loop(holders) as lane:
        elements = w.convert(w.peek(lanes.pointer(lane, 1), f"<{count} x {kind}>"),
                             f"<{count} x float>")  # fmt: skip
        start = w.element(spread, lane // size * (count * size) + lane % size, "float")
        for number, element in enumerate(w.parts(elements)):
            w.poke(element, w.element(start, number * size, "float"))
    return spread


def _splat(w: Writer, value: Value, type: str) -> Value:
    """A vector with ``value`` in every element."""
    count = type.split(" ")[0][1:]
    one = w.emit(f"insertelement {type} poison, {value.typed}, i32 0", type)
    mask = f"<{count} x i32> zeroinitializer"
    return w.emit(f"shufflevector {one.typed}, {type} poison, {mask}", type)
