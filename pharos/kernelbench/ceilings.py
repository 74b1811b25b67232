"""What this machine can do at most, measured: the roof of the roofline.

Both numbers come from PyTorch with as many threads as are timed, so that the code under test is not
its own measure: the fastest of several large matrix products, and the fastest of several sums of,
and products with, more memory than the caches hold. Products of narrow types are also done in f32,
so their ceiling is that of f32 at least.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pharos.core import settings

_SIDE = 1536
_READ_BYTES = 256 << 20
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
    are set; takes some seconds."""
    import torch

    torch.set_num_threads(settings.THREADS.get())
    kinds = {"f64": [torch.float64], "f32": [torch.float32]}
    narrow = {"bf16": [torch.bfloat16], "f16": [torch.float16]}
    kinds |= {name: [*found, torch.float32] for name, found in narrow.items()}
    data = torch.ones(_READ_BYTES // 4 // _SIDE, _SIDE)
    vector = torch.ones(_SIDE)
    reads = (data.sum, lambda: torch.mv(data, vector))
    read = data.nbytes / min(map(_least, reads))
    return Ceilings(max(map(_products, kinds[dtype])), read)


def _products(kind: Any) -> float:
    """Operations per second of large products of PyTorch's type ``kind``."""
    import torch

    left, right = (torch.rand(_SIDE, _SIDE, dtype=kind) for _ in range(2))
    out = torch.empty(_SIDE, _SIDE, dtype=kind)
    return 2 * _SIDE**3 / _least(lambda: torch.mm(left, right, out=out))


def _least(function: Callable[[], Any]) -> float:
    """The least seconds of the calls that fit in ``_SECONDS``, of two at least: a processor that
    was idle, or is shared, takes a while to reach its speed."""
    times: list[float] = []
    while len(times) < 2 or sum(times) < _SECONDS:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times[1:])  # the first one pages its memory in
