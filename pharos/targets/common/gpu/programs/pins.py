"""Memory of the host that a driver has registered, in the pieces that the driver takes.

A driver locks whole pages, and refuses a page that it has locked already; arrays of a program lie
anywhere. So pages are registered, once, however many arrays are on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pharos.core.errors import InternalError
from pharos.targets.common.gpu.host.driver import Driver


@dataclass
class _Piece:
    """``start`` to ``end`` is at ``device`` on the device, for so many ``users``."""

    start: int
    end: int
    device: int
    users: int


class Pins:
    """All pieces. ``settle`` is called before pages that are in use are registered anew."""

    def __init__(self, driver: Driver, settle: Callable[[], None]) -> None:
        self._driver = driver
        self._settle = settle
        self._pieces: list[_Piece] = []

    def add(self, address: int, size: int) -> None:
        """Register ``size`` bytes at ``address``, once more."""
        granule = self._driver.granule
        start, end = address // granule * granule, -(-(address + size) // granule) * granule
        met = [one for one in self._pieces if one.start < end and start < one.end]
        if len(met) == 1 and met[0].start <= start and end <= met[0].end:
            met[0].users += 1
            return
        if met:
            self._settle()
        for one in met:
            self._driver.unregister(one.start)
            self._pieces.remove(one)
        start, end = min([start, *(o.start for o in met)]), max([end, *(o.end for o in met)])
        device = self._driver.register(start, end - start)
        self._pieces.append(_Piece(start, end, device, 1 + sum(one.users for one in met)))

    def remove(self, address: int) -> None:
        """The end of one ``add`` of this address."""
        piece = self._piece(address)
        piece.users -= 1
        if not piece.users:
            self._pieces.remove(piece)
            self._driver.unregister(piece.start)

    def device_address(self, address: int) -> int:
        """Where the device finds the byte that the host has at ``address``."""
        piece = self._piece(address)
        return piece.device + address - piece.start

    def _piece(self, address: int) -> _Piece:
        for one in self._pieces:
            if one.start <= address < one.end:
                return one
        raise InternalError(f"nothing is registered at {address:#x}")
