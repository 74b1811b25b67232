"""Global memory that a kernel may use, and what of it somebody has written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Region:
    """``bytes`` of memory at ``address``, called ``name`` in messages.

    ``written`` says of what is there who wrote it: an array of uint8, 255 for every byte that
    somebody wrote and 0 for the others, which kernels keep up to date; None when all of it is
    known to hold something. ``writable``: whether a kernel may store there.
    """

    name: str
    address: int
    bytes: int
    writable: bool = True
    written: np.ndarray | None = None


# Bytes from a region at which an address has nothing to do with it any more.
_NEAR = 1 << 24
_LAYOUT = np.dtype([("start", "<i8"), ("end", "<i8"), ("written", "<u8"), ("writable", "<i8")])


def packed_regions(regions: Sequence[Region]) -> np.ndarray:
    """The regions as the runtime reads them (`%simt.region`)."""
    packed = np.zeros(max(1, len(regions)), _LAYOUT)
    for at, region in enumerate(regions):
        written = region.written.ctypes.data if region.written is not None else 0
        end = region.address + region.bytes
        packed[at] = (region.address, end, written, int(region.writable))
    return packed


def nearest_region(address: int, size: int, regions: Sequence[Region]) -> str:
    """Where an address lies, in words: in a region, or how far from the nearest."""
    if not regions:
        return "and no global memory was given"

    def distance(region: Region) -> int:
        end = region.address + region.bytes
        return max(region.address - address, address + size - end, 0)

    best = min(regions, key=distance)
    if distance(best) > _NEAR:
        return "which is in none of the memory that was given"
    offset = address - best.address
    what = f"of {best.name}, which has {best.bytes} bytes"
    if distance(best) == 0:
        return f"byte {offset} {what}"
    if offset < 0:
        return f"{-offset} bytes before the start {what}"
    return f"byte {offset} {what}"
