"""What this machine can do at most, measured: the roof of the roofline.

Both numbers come from PyTorch with as many threads as are timed, so that the code under test is not
its own measure: the fastest of several large matrix products, and the fastest of several reads of
more memory than the caches hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pharos.core import settings

_SIDE = 1536
_READ_BYTES = 256 << 20
_RUNS = 12


@dataclass(frozen=True)
class Ceilings:
    """``flops``: multiplications and additions of f32 per second; ``bandwidth``: bytes read from
    memory per second."""

    flops: float
    bandwidth: float

    def floor(self, flops: float, moved: float) -> float:
        """The least seconds for that many operations and bytes of memory."""
        return max(flops / self.flops, moved / self.bandwidth)

    def record(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


def measured() -> Ceilings:
    """The ceilings of this machine with the threads that are set; takes about two seconds."""
    import torch

    torch.set_num_threads(settings.THREADS.get())
    left, right = torch.rand(_SIDE, _SIDE), torch.rand(_SIDE, _SIDE)
    out = torch.empty(_SIDE, _SIDE)
    data = torch.ones(_READ_BYTES // 4)
    return Ceilings(
        2 * _SIDE**3 / _least(lambda: torch.mm(left, right, out=out)),
        _READ_BYTES / _least(data.sum),
    )


def _least(function: Callable[[], Any]) -> float:
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times[1:])  # the first one pages its memory in
