"""Matrix products of a warp: mma.sync. The last lane to come computes the product for all.

The operands' registers lie in the meeting's slots, lane after lane. They are widened to f32 (or
i32) there; A's elements are then broadcast from where their lane has them, and B is spread to rows
of n, so that a row of the result is one vector and LLVM fills the machine's registers with it.
"""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.meetings import Meeting
from pharos.simt.values import Value
from pharos.simt.writer import Writer
from pharos.targets.nvidia.meanings.fragments import LANES, LANES_PER_ROW, TILE_ROWS, Product
from pharos.targets.nvidia.meanings.products import BF16, F16, S8, TF32, U8, Number, multiply, pairs

TABLE = Meanings("mma")
_MMA = r"llvm\.nvvm\.mma\.m16n8k(?P<k>\d+)\.row\.col\."
_PTX = "PTX ISA 9.0, 9.7.14.5.14 mma, fragments in 9.7.14.5."


@meaning(TABLE, _MMA + r"(?:f16\.f16|f32\.f32)", source=_PTX + "7 and 9.7.14.5.8 (.f16)")
def mma_f16(w: Writer, call: Call) -> list[Value]:
    """Registers of A and B are <2 x half>; C and D are f32, or <2 x half>."""
    product = Product(16, 8, int(call.match["k"]), 16)
    return _mma(w, call, product, F16, F16)


@meaning(TABLE, _MMA + r"bf16", source=_PTX + "7 and 9.7.14.5.8 (.bf16)")
def mma_bf16(w: Writer, call: Call) -> list[Value]:
    return _mma(w, call, Product(16, 8, int(call.match["k"]), 16), BF16, BF16)


@meaning(TABLE, _MMA + r"tf32", source=_PTX + "6 and 9.7.14.5.7 (.tf32)")
def mma_tf32(w: Writer, call: Call) -> list[Value]:
    """The low 13 bits of the operands do not count."""
    return _mma(w, call, Product(16, 8, int(call.match["k"]), 32), TF32, TF32)


@meaning(TABLE, _MMA + r"(?P<a>s8|u8)(?:\.(?P<b>s8|u8))?", source=_PTX + "9 and 9.7.14.5.10 (.s8)")
def mma_8_bits(w: Writer, call: Call) -> list[Value]:
    """Sums of 32 bits wrap around (no .satfinite)."""
    kinds = {"s8": S8, "u8": U8}
    left = call.match["a"]
    right = call.match["b"] or left
    return _mma(w, call, Product(16, 8, int(call.match["k"]), 8), kinds[left], kinds[right])


def _mma(w: Writer, call: Call, product: Product, left: Number, right: Number) -> list[Value]:
    """D = A B + C of the call's arguments: A's registers, B's, C's."""
    a, b = product.a.registers, product.b.registers
    registers = [w.cast("bitcast", value, "i32") for value in call.arguments]
    operands = [w.aggregate(f"<{n} x i32>", part) if n > 1 else part[0]
                for n, part in ((a, registers[:a]), (b, registers[a : a + b]))]  # fmt: skip
    row = f"<{product.c.elements} x {left.sums}>"
    lanes = w.meeting(operands, results=[row])
    with lanes.once():
        _multiply(w, lanes, product, left, right)
    return _accumulated(w, call, lanes.result(), call.arguments[a + b :])


def _accumulated(w: Writer, call: Call, sums: Value, c: list[Value]) -> list[Value]:
    """The registers of D: C added to the sums, in C's format."""
    given = [w.convert(part, "float") if part.type == "half" else part
             for value in c for part in w.parts(value)]  # fmt: skip
    total = [part + add for part, add in zip(w.parts(sums), given, strict=True)]
    if call.type.startswith("{ <2 x half>"):
        halves = [w.convert(value, "half") for value in total]
        return [w.aggregate("<2 x half>", halves[at : at + 2]) for at in (0, 2)]
    return total


def _multiply(w: Writer, lanes: Meeting, product: Product, left: Number, right: Number) -> None:
    """Rows of A times B, eight rows at a time, into the lanes' results."""
    a, b, sums = product.a, product.b, left.sums
    spread = _spread_b(w, lanes, product, right)
    wide = w.local(f"[{LANES * a.elements} x {sums}]")
    with w.loop(LANES) as lane:
        widened = left.read(w, lanes.pointer(lane, 0), a.elements)
        w.poke(widened, w.element(wide, lane * a.elements, sums))
    with w.loop(a.row_tiles) as tile:
        start = w.element(wide, tile * a.run, sums)
        rows = multiply(
            w,
            product.k,
            lambda row, k: w.element(start, _place_in_a(product, row, k), sums),
            lambda k: w.element(spread, k * b.rows, sums),
            [w.constant(0, f"<{product.n} x {sums}>") for _ in range(TILE_ROWS)],
        )
        for row, found in enumerate(rows):
            for part, pair in enumerate(pairs(w, found)):
                place = lanes.pointer(row * LANES_PER_ROW + part, 2)
                w.poke(pair, w.element(place, tile * 2, sums))


def _place_in_a(product: Product, row: int, k: int) -> int:
    """Which element, all lanes' one after another, is (row, k) of the first eight rows."""
    a = product.a
    across, inside = divmod(k, a.run * LANES_PER_ROW)
    lane, element = row * LANES_PER_ROW + inside // a.run, inside % a.run
    return lane * a.elements + across * a.row_tiles * a.run + element


def _spread_b(w: Writer, lanes: Meeting, product: Product, number: Number) -> Value:
    """B as k rows of n numbers."""
    b = product.b
    spread = w.local(f"[{b.rows * b.columns} x {number.sums}]")
    with w.loop(LANES) as lane:
        widened = number.read(w, lanes.pointer(lane, 1), b.elements)
        first = lane % LANES_PER_ROW * (b.run * b.rows) + lane // LANES_PER_ROW
        start = w.element(spread, first, number.sums)
        for element in range(b.elements):
            _, column = b.position(0, element)
            w.poke(w.extract(widened, element), w.element(start, column * b.rows, number.sums))
    return spread
