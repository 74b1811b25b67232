"""From the rows, columns, inner steps and batches of a contraction to elements of an operand.

A role (say, the rows) may hold several loops; its flat index counts through all of them, the last
fastest. ``Walk`` splits it into digits, as few as the operand's layout allows, and sums up
their steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Contraction, Operand, is_known
from pharos.targets.common.nests import index

ROLES = ("batch", "rows", "columns", "inner")


@dataclass(frozen=True)
class Walk:
    """``digits`` are (extent, elements of memory that one step moves by), the slowest first; none
    where all flat indices are the same element."""

    digits: tuple[tuple[int, int], ...]

    def at(self, flat: Any) -> Any:
        """The offset in elements of flat index ``flat``, which is below the product of extents."""
        arith = dialect("arith")
        total, rest = index.constant(0), flat
        for number, (extent, step) in reversed(list(enumerate(self.digits))):
            digit = rest
            if number:
                digit = arith.remui(rest, index.constant(extent))
                rest = arith.divui(rest, index.constant(extent))
            if step:
                total = index.add(total, index.mul(digit, index.constant(step)))
        return total

    def vector(self, most: int) -> int:
        """The longest vector (a power of two, at most ``most``) into which the flat indices can be
        cut so that each is one piece of memory, at a multiple of its length from index 0."""
        if not self.digits or self.digits[-1][1] != 1:
            return 1
        *slower, (extent, _) = self.digits
        return power_of_two(most, extent, *(step for _, step in slower))

    @property
    def step(self) -> int:
        """What one flat step moves by, within the last digit."""
        return self.digits[-1][1] if self.digits else 0


def walk(operand: Operand, loops: Sequence[int], sizes: Sequence[int | None]) -> Walk:
    """How ``operand`` is reached by the flat index over ``loops``. All sizes must be known."""
    steps = operand.steps()
    digits: list[tuple[int, int]] = []
    for loop in loops:
        extent, step = _number(sizes[loop]), _number(steps.get(loop, 0))
        if extent == 1:
            continue
        if digits and digits[-1][1] == step * extent:
            before = digits.pop()
            digits.append((before[0] * extent, step))
        else:
            digits.append((extent, step))
    return Walk(tuple(digits) if any(step for _, step in digits) else ())


def walks(contraction: Contraction, operand: Operand) -> Mapping[str, Walk]:
    """The walks of all roles of ``contraction`` over ``operand``."""
    return {role: walk(operand, getattr(contraction, role), contraction.sizes) for role in ROLES}


def start(operand: Operand) -> int | None:
    """The element of the operand's memory at which all loops begin; None when the view it is
    reached through begins somewhere that only the host knows."""
    _, offset = operand.type.get_strides_and_offset()
    if not is_known(offset):
        return None
    return offset + _within(operand)


def flat_view(operand: Operand, buffer: Any) -> tuple[Any, Any]:
    """``buffer``, which stands for ``operand``, as a memref of one dimension from the begin of its
    memory, and the element at which all loops begin (a value)."""
    type_ = mlir.MemRefType(buffer.type)
    strides, offset = type_.get_strides_and_offset()
    span = 1 + sum((n - 1) * s for n, s in zip(type_.shape, strides, strict=True))
    memref = dialect("memref")
    if is_known(offset):
        first, base, length = index.constant(offset), buffer, offset + span
    else:
        metadata = memref.ExtractStridedMetadataOp(buffer)
        first, base, length = metadata.offset, metadata.base_buffer, span
    flat = mlir.MemRefType.get([length], type_.element_type, None, type_.memory_space)
    view = memref.ReinterpretCastOp(flat, base, [], [], [], [0], [length], [1]).result
    return view, index.add(first, index.constant(_within(operand)))


def power_of_two(most: int, *numbers: int) -> int:
    """The largest power of two that divides all ``numbers`` and is at most ``most``."""
    divisor, found = math.gcd(*numbers), 1  # 0, which everything divides, for zeros alone
    while found * 2 <= most and divisor % (found * 2) == 0:
        found *= 2
    return found


def _within(operand: Operand) -> int:
    """Elements from the begin of the view to where all loops begin."""
    strides, _ = operand.type.get_strides_and_offset()
    return sum(s * n for s, n in zip(strides, operand.starts, strict=True))


def _number(value: int | None) -> int:
    if value is None:
        raise ValueError("kernels of contractions need sizes and strides that are known")
    return value
