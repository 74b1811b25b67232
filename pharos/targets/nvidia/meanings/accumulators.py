"""Accumulators of wgmma while products are under way: tickets instead of numbers.

wgmma writes its registers later, but in LLVM IR its results are values at once. So the results are
tickets: NaNs that say which panel of sums (16 rows of a warp) and which register is meant. A chain
of products on the same registers passes its tickets on and adds to the same panel. Before another
instruction uses such a value, the ticket is settled: replaced by the sum, which is a fault while
the product has not been waited for. ``settle_uses`` puts that into the kernel's lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pharos.simt import types
from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.values import Value
from pharos.simt.writer import Writer
from pharos.targets.nvidia.meanings.fragments import LANES_PER_ROW

TABLE = Meanings("accumulators of wgmma")
SETTLE = "pharos.nvidia.settle"
WARPS, PANELS, ROWS, COLUMNS = 32, 16, 16, 256
REGISTER_BITS, PANEL_BITS, GENERATION_BITS = 7, 4, 9
# A quiet NaN (the host may turn signalling ones into quiet ones on the way) that neither arithmetic
# nor the fill pattern makes: the sign, all bits of the exponent, 101, then 20 bits of our own.
MARK, MARK_MASK = 0xFFD00000, 0xFFF00000
# Of a warp, i64 each: groups closed, groups waited for, whether fenced, a clock; then of each
# panel: generation, group of its last product, time of its last use, columns.
CLOSED, WAITED, FENCED, CLOCK, HEAD = 0, 1, 2, 3, 4
GENERATION, GROUP, USED, WIDTH, FIELDS = 0, 1, 2, 3, 4
_WORDS = HEAD + PANELS * FIELDS


class Warp:
    """What is kept of the running warp's accumulators."""

    def __init__(self, w: Writer) -> None:
        self.w = w
        self._words = w.kept("nvidia.wgmma.warps", f"[{WARPS} x [{_WORDS} x i64]]")
        sums = f"[{WARPS} x [{PANELS} x [{ROWS * COLUMNS} x float]]]"
        self._sums = w.kept("nvidia.wgmma.sums", sums, zero=False)

    def word(self, number: Value | int) -> Value:
        """A pointer to one of the warp's words."""
        return self.w.element(self._words, self.w.subgroup * _WORDS + number, "i64")

    def get(self, number: int) -> Value:
        return self.w.peek(self.word(number), "i64")

    def set(self, number: int, value: Value | int) -> None:
        self.w.poke(self.w.operand(value, "i64"), self.word(number))

    def field(self, panel: Value, name: int) -> Value:
        """A pointer to a word of one panel (i32)."""
        return self.word(panel * FIELDS + (HEAD + name))

    def of_panel(self, panel: Value, name: int) -> Value:
        return self.w.peek(self.field(panel, name), "i64")

    def sums(self, panel: Value) -> Value:
        """A pointer to the panel's sums, row after row."""
        number = self.w.subgroup * PANELS + panel
        return self.w.element(self._sums, number * (ROWS * COLUMNS), "float")

    def touch(self, panel: Value) -> None:
        """The panel is used by a product of the group that is open."""
        now = self.get(CLOCK) + 1
        self.set(CLOCK, now)
        self.w.poke(now, self.field(panel, USED))
        self.w.poke(self.get(CLOSED), self.field(panel, GROUP))

    def pending(self, panel: Value) -> Value:
        """Whether a product of the panel has not been waited for."""
        used = self.of_panel(panel, USED) != 0
        return used & (self.of_panel(panel, GROUP) >= self.get(WAITED))

    def fresh_panel(self, columns: int) -> Value:
        """The panel that was used longest ago; a ticket to its first register."""
        w = self.w
        best, age = w.variable("i32", 0), w.variable("i64", -1)
        with w.loop(PANELS) as panel:
            used = self.of_panel(panel, USED)
            with w.when((used < age.get()) & ~self.pending(panel)):
                best.set(panel)
                age.set(used)
        w.require(age.get() != -1, f"more than {PANELS} accumulators of wgmma are under way")
        chosen = best.get()
        generation = self.of_panel(chosen, GENERATION) + 1 & (1 << GENERATION_BITS) - 1
        w.poke(generation, self.field(chosen, GENERATION))
        w.poke(w.constant(columns, "i64"), self.field(chosen, WIDTH))
        shifted = w.convert(generation, "i32") << PANEL_BITS | chosen
        return shifted << REGISTER_BITS | MARK


def is_ticket(bits: Value) -> Value:
    return bits & MARK_MASK == MARK


def panel_of(ticket: Value) -> Value:
    return ticket >> REGISTER_BITS & PANELS - 1


def check_generation(w: Writer, warp: Warp, ticket: Value) -> None:
    """A fault for a ticket whose panel has been given to others since."""
    generation = ticket >> REGISTER_BITS + PANEL_BITS & (1 << GENERATION_BITS) - 1
    known = warp.of_panel(panel_of(ticket), GENERATION)
    message = f"accumulators of a wgmma {PANELS} others ago that never were read"
    w.require(w.convert(generation, "i64") == known, message)


def place(lane: Value, register: Value) -> tuple[Value, Value]:
    """Row and column of a register in its panel (fragments.Fragment(16, n, 32, 8))."""
    row = lane // LANES_PER_ROW + register // 2 % 2 * 8
    return row, register // 4 * 8 + lane % LANES_PER_ROW * 2 + register % 2


@meaning(TABLE, re.escape(SETTLE), source="PTX ISA 9.0, 9.7.15.7.3 wgmma.wait_group")
def settle(w: Writer, call: Call) -> Value:
    """A number as it is, or the sum that a ticket stands for."""
    bits = w.cast("bitcast", call.arguments[0], "i32")
    settled = w.variable("float", call.arguments[0])
    with w.when(is_ticket(bits)):
        warp, panel = Warp(w), panel_of(bits)
        check_generation(w, warp, bits)
        w.require(~warp.pending(panel), "an accumulator of wgmma is used before wgmma.wait_group")
        row, column = place(w.lane, bits & (1 << REGISTER_BITS) - 1)
        width = w.convert(warp.of_panel(panel, WIDTH), "i32")
        settled.set(w.peek(w.element(warp.sums(panel), row * width + column, "float"), "float"))
    return settled.get()


_PRODUCT = re.compile(r"^\s*(%[\w.]+) = .*call \{ float.* asm .*wgmma\.mma_async")
_RESULT = re.compile(r"^\s*(%[\w.]+) = (.*)$")
_PASSING = ("phi ", "select ", "insertvalue ", "extractvalue ", "freeze ")
_NAME = re.compile(r"%[\w.]+")


@TABLE.edit
def settle_uses(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Before each instruction that computes with results of wgmma: their tickets are settled."""
    held = _held(lines)
    if not held:
        return lines
    scalars = {name for name, type in held.items() if type == "float"}
    return tuple(_settled(lines, scalars))


def _held(lines: tuple[str, ...]) -> dict[str, str]:
    """The values that may hold tickets, with "float" for scalars and "" for structures."""
    held = {found[1]: "" for line in lines if (found := _PRODUCT.match(line))}
    parsed = [(m[1], m[2]) for line in lines if (m := _RESULT.match(line))]
    passing = [(name, text, set(_NAME.findall(text))) for name, text in parsed
               if text.startswith(_PASSING)]  # fmt: skip
    before = -1
    while before != len(held):
        before = len(held)
        for name, text, operands in passing:
            if name not in held and not operands.isdisjoint(held):
                held[name] = "float" if _gives_float(text) else ""
    return held


def _gives_float(text: str) -> bool:
    """Whether a passing instruction's result is one float."""
    word, _, rest = text.partition(" ")
    if word == "select":
        return ", float " in rest
    type, operands = types.leading_type(rest)
    if word == "extractvalue":
        for index in re.findall(r", (\d+)", operands.partition("!")[0]):
            type = types.fields_of(type)[int(index)]
    return type == "float"


def _settled(lines: Iterable[str], scalars: set[str]) -> Iterator[str]:
    count = 0
    for line in lines:
        result = _RESULT.match(line)
        text = result[2] if result else line.strip()
        asynchronous = "wgmma.mma_async" in line
        if text.startswith(_PASSING) or asynchronous:
            yield line
            continue
        for name in sorted(set(_NAME.findall(text)) & scalars):
            count += 1
            place = line[line.index(", !dbg") :] if ", !dbg" in line else ""
            yield f'  %settled.{count} = call float @"{SETTLE}"(float {name}){place}'
            pattern = re.escape(name) + r"(?![\w.])"
            head, _, tail = line.partition("= ") if result else ("", "", line)
            line = head + ("= " if result else "") + re.sub(pattern, f"%settled.{count}", tail)
        yield line
