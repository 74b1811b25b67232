"""All decisions about the kernel of one contraction, made before anything is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pharos.ir.bindings import mlir
from pharos.targets.common.contractions.contraction import Contraction, Factor
from pharos.targets.common.contractions.result import Finish, Start
from pharos.targets.common.contractions.tiles import Tiles, trips
from pharos.targets.common.contractions.unit import LEFT, MatrixUnit, SumsLayout
from pharos.targets.common.contractions.walk import Walk, power_of_two, start, walks

_NARROW = ("f16", "bf16")
_VECTOR_BITS = 128


class AsyncCopies(Protocol):
    """A vendor's copies from global to workgroup memory that work-items do not wait for."""

    def takes(self, size: int) -> bool:
        """Whether vectors of ``size`` bytes can be copied."""

    def copy(
        self, source: Any, at: Any, target: Any, to: Any, count: int, inside: Any | None
    ) -> None:
        """Copy ``count`` elements from ``source[at]`` to ``target[to]`` (memrefs of one dimension);
        zeros where ``inside`` (an i1, None for always) does not hold."""

    def commit(self) -> None:
        """The copies since the last call are a group."""

    def wait(self, pending: int) -> None:
        """Wait until at most the last ``pending`` groups of this work-item are under way."""


@dataclass(frozen=True)
class Side:
    """One factor on its way through workgroup memory.

    ``value`` is the value of the body that is stored there, ``walks`` the walks of each of its
    operands; ``lines`` counts rows (columns, for the right factor), of which a tile has ``block``.
    ``vector`` elements are loaded at a time, along the inner steps when ``inner_fast``.
    """

    side: str
    factor: Factor
    value: Any
    walks: tuple[Mapping[str, Walk], ...]
    lines: int
    inner: int
    block: int
    block_inner: int
    inner_fast: bool
    vector: int
    padding: int

    @property
    def role(self) -> str:
        """The role whose flat index counts lines."""
        return "rows" if self.side == LEFT else "columns"

    @property
    def fast(self) -> int:
        """Elements of a row in workgroup memory, without padding."""
        return self.block_inner if self.inner_fast else self.block

    @property
    def pitch(self) -> int:
        """Elements from one row in workgroup memory to the next."""
        return self.fast + self.padding

    @property
    def elements(self) -> int:
        """Elements of one tile in workgroup memory, padding included."""
        return (self.block if self.inner_fast else self.block_inner) * self.pitch

    @property
    def plain(self) -> bool:
        """Whether elements are copied as they are."""
        return bool(self.value in self.factor.arguments)


@dataclass(frozen=True, kw_only=True)
class KernelPlan:
    """What every kernel of a contraction has: how its result begins and ends, and its tiles.

    ``values`` are what the kernel is passed: all outside values that it uses.
    """

    contraction: Contraction
    start: Start
    finish: Finish | None
    values: tuple[Any, ...]
    unit: SumsLayout
    tiles: Tiles

    def extent(self, role: str) -> int:
        """Flat indices of ``role``."""
        return extent(self.contraction, role)

    def blocks(self) -> tuple[int, int]:
        """Blocks that cover the rows and the columns."""
        tiles = self.tiles
        return (
            trips(self.extent("rows"), tiles.block_m),
            trips(self.extent("columns"), tiles.block_n),
        )


@dataclass(frozen=True, kw_only=True)
class GpuPlan(KernelPlan):
    """A kernel that brings tiles of both factors to a matrix unit."""

    unit: MatrixUnit
    left: Side
    right: Side
    copies: AsyncCopies | None = None

    @property
    def shared_bytes(self) -> int:
        """Bytes of workgroup memory."""
        return self.right_at + self._bytes(self.right)

    @property
    def right_at(self) -> int:
        """Where the tiles of the right factor begin in workgroup memory, in bytes."""
        return -(-self._bytes(self.left) // 128) * 128

    def _bytes(self, side: Side) -> int:
        return side.elements * self.tiles.stages * side.value.type.width // 8


def extent(contraction: Contraction, role: str) -> int:
    """Flat indices of ``role`` in ``contraction``, whose sizes are known."""
    sizes = [contraction.sizes[loop] for loop in getattr(contraction, role)]
    return math.prod(size for size in sizes if size is not None)


def factor_values(contraction: Contraction) -> tuple[Any, Any]:
    """What of each factor is kept in workgroup memory: the value that is multiplied, or, when both
    were widened from the same f16 or bf16, what it was before.

    Products of f16 and of bf16 are exact in f32.
    """
    values = contraction.left.value, contraction.right.value
    narrow = tuple(map(_before_widening, values))
    types = {str(value.type) for value in narrow}
    sums = str(contraction.result.type.element_type)
    return narrow if len(types) == 1 and types <= set(_NARROW) and sums != "f64" else values


def _before_widening(value: Any) -> Any:
    owner = value.owner
    if isinstance(owner, mlir.Block) or owner.name != "arith.extf":
        return value
    return owner.operands[0] if str(owner.operands[0].type) in _NARROW else value


def inner_fast(contraction: Contraction, factor: Factor) -> bool:
    """Whether neighbours in memory of ``factor`` are inner steps rather than lines."""
    for operand in factor.operands:
        of = walks(contraction, operand)
        role = "rows" if factor is contraction.left else "columns"
        if of[role].step == 1 and of["inner"].step != 1:
            return False
        if of["inner"].step == 1:
            return True
    return True


def make_side(contraction: Contraction, side: str, unit: MatrixUnit, tiles: Tiles) -> Side:
    """How the factor of ``side`` gets into workgroup memory."""
    left = side == LEFT
    factor = contraction.left if left else contraction.right
    value = factor_values(contraction)[0 if left else 1]
    along = inner_fast(contraction, factor)
    role, block = ("rows", tiles.block_m) if left else ("columns", tiles.block_n)
    return Side(
        side=side,
        factor=factor,
        value=value,
        walks=tuple(walks(contraction, operand) for operand in factor.operands),
        lines=extent(contraction, role),
        inner=extent(contraction, "inner"),
        block=block,
        block_inner=tiles.block_k,
        inner_fast=along,
        vector=_vector(contraction, factor, along, role, block, tiles, unit),
        padding=unit.padding(side, along),
    )


def _vector(
    contraction: Contraction,
    factor: Factor,
    along: bool,
    role: str,
    block: int,
    tiles: Tiles,
    unit: MatrixUnit,
) -> int:
    """Elements loaded at a time: as many as all operands of ``factor`` that move by one element
    allow, and as share out to all work-items."""
    found = [operand_vector(contraction, o, "inner" if along else role) for o in factor.operands]
    threads = tiles.subgroups() * unit.lanes
    fast = tiles.block_k if along else block
    share = power_of_two(16, block * tiles.block_k // threads, fast)
    return min(max(found), share)


def operand_vector(contraction: Contraction, operand: Any, role: str) -> int:
    """The elements of ``operand`` that lie together, aligned, along ``role``; at most 16 bytes."""
    of = walks(contraction, operand)
    first = start(operand)
    bits = operand.type.element_type.width
    if first is None or bits < 8:
        return 1
    others = [step for name in of if name != role for _, step in of[name].digits]
    return power_of_two(of[role].vector(_VECTOR_BITS // bits), first, *others)
