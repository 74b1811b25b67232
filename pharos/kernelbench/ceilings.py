"""What this machine can do at most, measured: the roof of the roofline.

Both numbers come from PyTorch with as many threads as are timed, so that the code under test is not
its own measure: the fastest of several large matrix products, and the fastest of several reads of
more memory than the caches hold. Products of narrow types are also done in f32, so their ceiling is
that of f32 at least.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pharos.core import settings

_SIDE = 1536
_READ_BYTES = 256 << 20
_RUNS = 12
_SECONDS = 2.0


@dataclass(frozen=True)
class Ceilings:
    """``flops``: multiplications and additions per second in the run's type; ``bandwidth``:
    bytes read from memory per second."""

    flops: float
    bandwidth: float

    def floor(self, flops: float, moved: float) -> float:
        """The least seconds for that many operations and bytes of memory."""
        return max(flops / self.flops, moved / self.bandwidth)

    def record(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


def measured(dtype: str = "f32") -> Ceilings:
    """The ceilings for ``dtype`` (one of ``options.DTYPES``) of this machine with the threads that
    are set; takes about two seconds."""
    import torch

    torch.set_num_threads(settings.THREADS.get())
    kinds = {"f64": [torch.float64], "f32": [torch.float32]}
    narrow = {"bf16": [torch.bfloat16], "f16": [torch.float16]}
    kinds |= {name: [*found, torch.float32] for name, found in narrow.items()}
    data = torch.ones(_READ_BYTES // 4)
    return Ceilings(max(map(_products, kinds[dtype])), _READ_BYTES / _least(data.sum))


def _products(kind: Any) -> float:
    """Operations per second of large products of PyTorch's type ``kind``."""
    import torch

    left, right = (torch.rand(_SIDE, _SIDE, dtype=kind) for _ in range(2))
    out = torch.empty(_SIDE, _SIDE, dtype=kind)
    return 2 * _SIDE**3 / _least(lambda: torch.mm(left, right, out=out), until=_SECONDS)


def _least(function: Callable[[], Any], until: float = math.inf) -> float:
    """The least seconds of some calls, of two at least; slow ones end after ``until`` seconds."""
    times: list[float] = []
    while len(times) < 2 or (len(times) < _RUNS and sum(times) < until):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times[1:])  # the first one pages its memory in
