"""Tensor maps: what the tensor memory accelerator (TMA) has to know of an array in global memory.

One record serves both kinds of devices: ``driver_arguments`` are what the driver's
``cuTensorMapEncodeTiled`` takes, whose result is opaque; ``encode`` is our own layout of the same
128 bytes, which the simulated instructions read (``meanings/tensor_copies.py``).

Source: CUDA driver API 13, "Tensor Map Object Management"; PTX ISA 9.0, 5.5 (tensors).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pharos.core.errors import InternalError
from pharos.targets.nvidia.meanings.swizzles import Swizzle

BYTES = 128
ALIGNMENT = 64
RANKS = 5
# Element types: size in bytes, number in CUtensorMapDataType, whether it may be filled with NaN.
ELEMENTS = {
    "u8": (1, 0, False),
    "u16": (2, 1, False),
    "u32": (4, 2, False),
    "i32": (4, 3, False),
    "f16": (2, 6, True),
    "f32": (4, 7, True),
    "bf16": (2, 9, True),
}
L2_PROMOTION = {0: 0, 64: 1, 128: 2, 256: 3}
# Our encoding: a mark, rank, bytes of an element, swizzle, pattern for elements outside (2 bytes
# repeated), dimensions, box, element strides, address, strides in bytes.
MAGIC = 0x504D4154
LAYOUT = struct.Struct("<I4B5I5H5B5xQ4Q")
NAN_PATTERN = 0xFF


@dataclass(frozen=True)
class TensorMap:
    """A box that is copied between an array in global memory and shared memory.

    Everything is innermost dimension first. ``dimensions`` in elements, ``strides`` in bytes and
    without the innermost (which is contiguous), ``box`` in elements of the array, of which every
    ``element_strides``-th is copied. ``l2_promotion`` in bytes. Elements outside of the array read
    as zero, or as NaN with ``fill_nan``. InternalError for what the driver would refuse.
    """

    element: str
    dimensions: tuple[int, ...]
    strides: tuple[int, ...]
    box: tuple[int, ...]
    element_strides: tuple[int, ...] = ()
    swizzle: Swizzle = Swizzle.NONE
    l2_promotion: int = 128
    fill_nan: bool = False

    def __post_init__(self) -> None:
        if not self.element_strides:
            object.__setattr__(self, "element_strides", (1,) * len(self.dimensions))
        wrong = [message for message, fine in self._rules() if not fine]
        if wrong:
            raise InternalError(f"no such tensor map: {'; '.join(wrong)}: {self}")

    def _rules(self) -> list[tuple[str, bool]]:
        rank, inner = len(self.dimensions), self.box[0] * self.element_bytes
        return [
            ("one to five dimensions", 1 <= rank <= RANKS),
            ("a box size and an element stride for each dimension",
             rank == len(self.box) == len(self.element_strides)),
            ("a stride for each dimension but the first", len(self.strides) == rank - 1),
            ("dimensions from 1 to 2^32 - 1", all(1 <= d < 1 << 32 for d in self.dimensions)),
            ("strides that are multiples of 16 below 2^40",
             all(s % 16 == 0 and 0 < s < 1 << 40 for s in self.strides)),
            ("box sizes from 1 to 256", all(1 <= b <= 256 for b in self.box)),
            ("element strides from 1 to 8", all(1 <= s <= 8 for s in self.element_strides)),
            ("rows of the box that are multiples of 16 bytes", inner % 16 == 0),
            ("rows of the box no longer than the swizzle's span",
             not self.swizzle or inner <= self.swizzle.span),
            ("NaN only for floats", not self.fill_nan or ELEMENTS[self.element][2]),
            ("L2 promotion of 0, 64, 128 or 256 bytes", self.l2_promotion in L2_PROMOTION),
        ]  # fmt: skip

    @property
    def element_bytes(self) -> int:
        return ELEMENTS[self.element][0]

    @property
    def copied(self) -> tuple[int, ...]:
        """The sizes of what one copy moves, innermost first."""
        return tuple(-(-b // s) for b, s in zip(self.box, self.element_strides, strict=True))

    @property
    def copied_bytes(self) -> int:
        """What one copy moves, and what its barrier has to expect."""
        total = self.element_bytes
        for size in self.copied:
            total *= size
        return total

    def driver_arguments(self, address: int) -> tuple[Any, ...]:
        """What ``cuTensorMapEncodeTiled`` takes after the map: Python numbers and tuples."""
        _check_address(address)
        interleave, fill = 0, int(self.fill_nan)
        return (ELEMENTS[self.element][1], len(self.dimensions), address, self.dimensions,
                self.strides, self.box, self.element_strides, interleave, int(self.swizzle),
                L2_PROMOTION[self.l2_promotion], fill)  # fmt: skip

    def encode(self, address: int) -> bytes:
        """The 128 bytes that simulated instructions read, for an array at ``address``."""
        _check_address(address)
        rank, missing = len(self.dimensions), RANKS - len(self.dimensions)
        ones, zeros = (1,) * missing, (0,) * (RANKS - max(rank, 1))
        head = (rank, self.element_bytes, int(self.swizzle), NAN_PATTERN if self.fill_nan else 0)
        words = LAYOUT.pack(MAGIC, *head, *self.dimensions, *ones, *self.box, *ones,
                            *self.element_strides, *ones, address,
                            *self.strides, *zeros)  # fmt: skip
        return words.ljust(BYTES, b"\0")

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "swizzle": int(self.swizzle)}

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> TensorMap:
        sizes = ("dimensions", "strides", "box", "element_strides")
        fields = {**data, **{name: tuple(data[name]) for name in sizes}}
        return TensorMap(**{**fields, "swizzle": Swizzle(data["swizzle"])})


def _check_address(address: int) -> None:
    if address % 16:
        raise InternalError(f"tensor maps need an address that 16 divides, got {address:#x}")
