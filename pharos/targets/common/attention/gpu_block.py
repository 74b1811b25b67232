"""What a block of an attention kernel works on: its heads, rows and keys, and where its arrays
are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.attention.gpu_copies import Source, vector_of
from pharos.targets.common.attention.gpu_plan import AttentionPlan, stride
from pharos.targets.common.attention.site import AttentionOperand
from pharos.targets.common.contractions.contraction import Operand
from pharos.targets.common.contractions.walk import flat_view
from pharos.targets.common.nests import index


class Block:
    """Made at the begin of the kernel; ``arguments`` stand for the operands of the attention.

    Blocks are numbered by batch, then rows (the last first: with a causal mask they take longest),
    then splits. ``first_row`` is the block's first row, ``low`` to ``high`` are its tiles of keys.
    """

    def __init__(self, plan: AttentionPlan, arguments: Sequence[Any]) -> None:
        self.plan, gpu = plan, dialect("gpu")
        self.thread = gpu.thread_id(gpu.Dimension.x)
        lanes = index.constant(plan.layouts.numbers.lanes)
        self.lane = dialect("arith").remui(self.thread, lanes)
        self.subgroup = dialect("arith").divui(self.thread, lanes)
        number = gpu.block_id(gpu.Dimension.x)
        number, self.split = self._digit(number, plan.tiles.splits)
        number, row_block = self._digit(number, plan.blocks_of_rows)
        row_block = index.sub(index.constant(plan.blocks_of_rows - 1), row_block)
        self.number = number
        self.batch = self.digits(number, plan.batch)
        self.first_row = index.mul(row_block, index.constant(plan.tiles.query_rows))
        views = zip(plan.site.operands, arguments, strict=True)
        self._flat = {o.number: flat_view(plain_operand(o), value) for o, value in views}
        self.low, self.high = self._keys()

    @staticmethod
    def _digit(number: Any, size: int) -> tuple[Any, Any]:
        """Quotient and remainder."""
        if size == 1:
            return number, index.constant(0)
        arith, divisor = dialect("arith"), index.constant(size)
        return arith.divui(number, divisor), arith.remui(number, divisor)

    def digits(self, number: Any, loops: Sequence[int]) -> dict[int, Any]:
        """The iteration of each of ``loops`` at ``number``, which counts them, the last fastest."""
        found: dict[int, Any] = {}
        for loop in reversed(loops[1:]):
            number, found[loop] = self._digit(number, self.plan.size(loop))
        if loops:
            found[loops[0]] = number
        return found

    def row(self, number: Any) -> dict[int, Any]:
        """The iteration of the loops that rows count at row ``number``."""
        return self.digits(number, self.plan.rows)

    def last_row(self, number: Any) -> Any:
        """``number``, or the last row where it is beyond all."""
        if self.plan.sizes.rows % self.plan.tiles.query_rows == 0:
            return number
        return index.minimum(number, index.constant(self.plan.sizes.rows - 1))

    def flat(self, operand: AttentionOperand) -> Any:
        """The memory of ``operand`` as a memref of one dimension."""
        return self._flat[operand.number][0]

    def origin(self, operand: AttentionOperand) -> Any:
        """Where in ``flat`` the block's batch of ``operand`` begins."""
        return self.moved(self._flat[operand.number][1], operand, self.batch)

    @staticmethod
    def moved(at: Any, operand: AttentionOperand, numbers: dict[int, Any]) -> Any:
        """``at`` moved to the iteration ``numbers`` of loops."""
        for loop, number in numbers.items():
            step = stride(operand, loop)
            if step:
                at = index.add(at, index.mul(number, index.constant(step)))
        return at

    def queries(self) -> Source:
        """Q: a row for each row of the block's batch."""
        q, plan = self.plan.site.q, self.plan
        fast = stride(q, plan.site.dk) == 1 or stride(q, plan.site.m) != 1
        origin = self.origin(q)
        vector = vector_of(q, plan.site.dk if fast else plan.site.m)
        return Source(
            self.flat(q),
            lambda row: self.moved(origin, q, self.row(row)),
            step=stride(q, plan.site.dk),
            rows=plan.sizes.rows,
            heads=plan.sizes.dk,
            heads_fast=fast,
            vector=1 if plan.packed and not fast else vector,
        )

    def keys(self, values: bool) -> Source:
        """K, or V: a row for each key."""
        site = self.plan.site
        operand, depth = (site.v, site.dv) if values else (site.k, site.dk)
        fast = stride(operand, depth) == 1 or stride(operand, site.n) != 1
        origin = self.origin(operand)
        return Source(
            self.flat(operand),
            lambda row: self.moved(origin, operand, {site.n: row}),
            step=stride(operand, depth),
            rows=self.plan.sizes.keys,
            heads=self.plan.size(depth),
            heads_fast=fast,
            vector=vector_of(operand, depth if fast else site.n),
        )

    def queries_from_to(self) -> tuple[Any, Any]:
        """The first and the last query among the block's rows, as far as is known."""
        plan = self.plan
        if plan.packed:
            return index.constant(0), index.constant(plan.size(plan.site.m) - 1)
        last = index.add(self.first_row, index.constant(plan.tiles.query_rows - 1))
        return self.first_row, self.last_row(last)

    def _keys(self) -> tuple[Any, Any]:
        """The tiles of keys that this block goes through: those that any of its queries sees."""
        plan, tile = self.plan, self.plan.tiles.key_tile
        first, last = self.queries_from_to()
        low = _quotient(plan.site.first_key(first), tile)
        high = index.ceil_div(plan.site.end_key(last), tile)
        if plan.tiles.splits == 1:
            return low, high
        count = dialect("arith").maxsi(index.sub(high, low), index.constant(0))
        each = index.ceil_div(count, plan.tiles.splits)
        own = index.add(low, index.mul(self.split, each))
        return own, index.minimum(index.add(own, each), high)


def _quotient(value: Any, divisor: int) -> Any:
    number = index.known(value)
    if number is not None:
        return index.constant(number // divisor)
    return dialect("arith").divui(value, index.constant(divisor))


def plain_operand(operand: AttentionOperand) -> Operand:
    """As ``flat_view`` takes it."""
    rank = len(operand.loops)
    return Operand(operand.buffer, tuple({loop: 1} for loop in operand.loops), (0,) * rank)
