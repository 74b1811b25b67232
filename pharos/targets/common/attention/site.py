"""The attention ``linalg.generic`` on memrefs, as its kernels read it.

    loops    (batch..., m, n, dk, dv): queries m, keys n, depths dk of Q and K and dv of V
    inputs   q (batch, m, dk), k (batch, n, dk), v (batch, n, dv), extras (batch, m, n); each in any
             order of dimensions, batch loops may be missing (keys shared by several heads)
    output   (batch, m, dv)
    body     s = q * k in f32, standing for the sum over dk
             t = score(s, m, n, extras) in f32
             yield call @pharos.softmax_weighted_sum...(t, v, out)

An operation is one of these when it has the attribute ``pharos.attention``:
``{causal = c, window = w, empty_rows = "nan" | "zero"}``. A query m sees no key beyond ``m + c``,
and none before ``m + c - w + 1``; the window, or both, may be missing. ``empty_rows``
is what a row of the output has where all scores are minus infinity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pharos.core.errors import UserError
from pharos.ir import PARAMETERS, operations, span_of
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.score import Score, read_score
from pharos.targets.common.nests import index
from pharos.targets.common.nests.nest import DYNAMIC, Nest, read_nest, trip_count

ATTENTION = "pharos.attention"
SINK = "pharos.softmax_weighted_sum"
"""What the names of the functions begin with that a body calls with its score."""

_STORED = ("f32", "bf16", "f16")


@dataclass(frozen=True)
class AttentionOperand:
    """A memref of the operation: ``loops[d]`` is the loop that walks its dimension ``d``.

    ``number`` is its position among the operands.
    """

    number: int
    buffer: Any
    loops: tuple[int, ...]

    @property
    def type(self) -> Any:
        """The memref type."""
        return mlir.MemRefType(self.buffer.type)

    @property
    def dtype(self) -> str:
        """The element type by name: "f32"."""
        return str(self.type.element_type)

    def uses(self, loop: int) -> bool:
        """Whether it has a dimension for ``loop``."""
        return loop in self.loops

    def stride(self, loop: int) -> int | None:
        """Elements from one step of ``loop`` to the next; 0 when it has no dimension for it, None
        when that is known only at run time."""
        if loop not in self.loops:
            return 0
        strides, _ = self.type.get_strides_and_offset()
        found = strides[self.loops.index(loop)]
        return None if found == DYNAMIC else int(found)

    @property
    def offset(self) -> int | None:
        """Elements before the first one; None when that is known only at run time."""
        _, found = self.type.get_strides_and_offset()
        return None if found == DYNAMIC else int(found)


@dataclass(frozen=True)
class AttentionSite:
    """One attention. ``batch``, ``m``, ``n``, ``dk``, ``dv`` are loops; ``sizes`` has the trip
    count of each loop, None where it is known only at run time. ``params`` are the parameters
    written on the operation."""

    nest: Nest
    q: AttentionOperand
    k: AttentionOperand
    v: AttentionOperand
    extras: tuple[AttentionOperand, ...]
    out: AttentionOperand
    sizes: tuple[int | None, ...]
    score: Score
    causal: int | None
    window: int | None
    empty_rows: str
    params: Mapping[str, int]

    @property
    def operation(self) -> Any:
        """The ``linalg.generic``."""
        return self.nest.operation

    @property
    def batch(self) -> tuple[int, ...]:
        """The loops before the last four."""
        return tuple(range(len(self.sizes) - 4))

    @property
    def m(self) -> int:
        """The loop over queries."""
        return len(self.sizes) - 4

    @property
    def n(self) -> int:
        """The loop over keys."""
        return len(self.sizes) - 3

    @property
    def dk(self) -> int:
        """The loop over the depth of queries and keys."""
        return len(self.sizes) - 2

    @property
    def dv(self) -> int:
        """The loop over the depth of values."""
        return len(self.sizes) - 1

    @property
    def operands(self) -> tuple[AttentionOperand, ...]:
        """All operands in their order: q, k, v, extras, output."""
        return (self.q, self.k, self.v, *self.extras, self.out)

    @property
    def batches(self) -> int | None:
        """The product of the sizes of the batch loops; None when one is not known."""
        found = [self.sizes[loop] for loop in self.batch]
        return None if None in found else math.prod(s for s in found if s is not None)

    @property
    def static(self) -> bool:
        """Whether all sizes are known."""
        return None not in self.sizes

    def count(self, loop: int) -> Any:
        """The trip count of ``loop`` as an index value, at the insertion point."""
        return trip_count(self.nest, loop, [o.buffer for o in self.operands])

    def first_key(self, row: Any) -> Any:
        """The first key that query ``row`` may see, as an index value from 0 to the number of keys;
        for a block of rows ask with its first row."""
        if self.window is None or self.causal is None:
            return index.constant(0)
        low = index.add(row, index.constant(self.causal - self.window + 1))
        return self._clamped(low)

    def end_key(self, row: Any) -> Any:
        """One more than the last key that query ``row`` may see, from 0 to the number of keys; for
        a block of rows ask with its last row."""
        if self.causal is None:
            return self.count(self.n)
        return self._clamped(index.add(row, index.constant(self.causal + 1)))

    def _clamped(self, value: Any) -> Any:
        number = index.known(value)
        if number is None:
            value = dialect("arith").maxsi(value, index.constant(0))
        elif number < 0:
            value = index.constant(0)
        return index.minimum(value, self.count(self.n))

    def open_tile(self, rows: tuple[int, int], keys: tuple[int, int]) -> bool:
        """Whether the queries from ``rows[0]`` to before ``rows[1]`` all see all of the keys from
        ``keys[0]`` to before ``keys[1]``, as far as ``causal`` and ``window`` tell."""
        if self.causal is None:
            return True
        beyond = keys[1] - 1 > rows[0] + self.causal
        before = self.window is not None and keys[0] < rows[1] + self.causal - self.window
        return not beyond and not before

    def is_open(self, rows: tuple[Any, Any], keys: tuple[Any, Any]) -> Any:
        """``open_tile`` for bounds that are index values: an i1 value."""
        arith = dialect("arith")
        less = arith.CmpIPredicate.sle
        found = arith.constant(mlir.IntegerType.get_signless(1), 1)
        if self.causal is not None:
            most = index.add(rows[0], index.constant(self.causal + 1))
            found = arith.cmpi(less, keys[1], most)
            if self.window is not None:
                least = index.add(rows[1], index.constant(self.causal - self.window))
                found = arith.andi(found, arith.cmpi(less, least, keys[0]))
        return found


def attention_sites(module: Any) -> Iterator[AttentionSite]:
    """Every attention of ``module`` that is on memrefs, in order. UserError for a broken one."""
    found = [
        operation
        for operation in operations(module, "linalg.generic")
        if ATTENTION in operation.attributes
    ]
    for operation in found:
        site = read_attention(operation)
        if site is not None:
            yield site


def read_attention(operation: Any) -> AttentionSite | None:
    """The attention that ``operation`` is; None for other operations and for one on tensors.

    UserError, with the place, for one that has the attribute and not the form.
    """
    if operation.name != "linalg.generic" or ATTENTION not in operation.attributes:
        return None
    if len(operation.results):
        return None
    nest = read_nest(operation)
    if nest is None:
        raise _broken(operation, "operands on memrefs that show the size of every loop")
    operands = [_operand(nest, number) for number in range(len(nest.accesses))]
    if len(nest.inputs) < 3 or len(nest.outputs) != 1 or len(nest.parallel) < 4:
        raise _broken(operation, "at least q, k and v, one output, and four loops")
    _check_loops(nest, operands)
    attribute = operation.attributes[ATTENTION]
    return AttentionSite(
        nest, operands[0], operands[1], operands[2], tuple(operands[3:-1]), operands[-1],
        sizes=tuple(nest.size(loop) for loop in range(len(nest.parallel))),
        score=_score(nest),
        causal=_number(attribute, "causal"),
        window=_number(attribute, "window"),
        empty_rows=attribute["empty_rows"].value if "empty_rows" in attribute else "nan",
        params=_parameters(operation),
    )  # fmt: skip


def _operand(nest: Nest, number: int) -> AttentionOperand:
    access = nest.accesses[number]
    plain = [isinstance(e, mlir.AffineDimExpr) for e in access.indices]
    if not all(plain) or len({e.position for e in access.indices}) != len(plain):
        raise _broken(nest.operation, f"operand {number} to be reached by a loop per dimension")
    loops = tuple(e.position for e in access.indices)
    return AttentionOperand(number, nest.operation.operands[number], loops)


def _check_loops(nest: Nest, operands: list[AttentionOperand]) -> None:
    """Refuse operands with loops that are not theirs, and types that are not computed with."""
    count = len(nest.parallel)
    m, n, dk, dv = range(count - 4, count)
    batch = set(range(count - 4))
    own = [{m, dk}, {n, dk}, {n, dv}, *[set()] * (len(operands) - 4), {m, dv}]
    for operand, needed in zip(operands, own, strict=True):
        extra = 3 <= operand.number < len(operands) - 1
        allowed = batch | ({m, n} if extra else needed)
        if not needed <= set(operand.loops) <= allowed:
            raise _broken(nest.operation, f"operand {operand.number} over loops of its own only")
        if not extra and operand.dtype not in _STORED:
            raise _broken(nest.operation, f"operand {operand.number} of {', '.join(_STORED)}")
    if not batch <= set(operands[-1].loops):
        raise _broken(nest.operation, "an output with every batch loop")
    if [d for d, parallel in enumerate(nest.parallel) if not parallel] != [n, dk]:
        raise _broken(nest.operation, "reductions over keys and depth, and nothing else")


def _score(nest: Nest) -> Score:
    score = read_score(nest, SINK)
    if score is None:
        raise _broken(nest.operation, f"a body of q * k, a score and a call of @{SINK}")
    return score


def _number(attribute: Any, name: str) -> int | None:
    return int(attribute[name].value) if name in attribute else None


def _parameters(operation: Any) -> dict[str, int]:
    if PARAMETERS not in operation.attributes:
        return {}
    return {one.name: one.attr.value for one in operation.attributes[PARAMETERS]}


def _broken(operation: Any, expected: str) -> UserError:
    return UserError(
        f"expected an operation with {ATTENTION} to have {expected}",
        span=span_of(operation.location),
        hint=f"leave the attribute {ATTENTION} to the stage fuse-attention",
    )
