"""Times of ours and of its peers, taken by turns in one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from pharos.kernelbench.options import Options
from pharos.runtime.benchmark import Timing, interleaved

# More than the largest last-level caches of today's servers share among a few cores.
_FLUSH_BYTES = 128 << 20
_COLD_RUNS = 10


def measure(
    contenders: Mapping[str, Callable[[], object]], options: Options
) -> dict[str, dict[str, Any]]:
    """For each contender its ``warm`` and ``cold`` times, in seconds: median, min, iqr, n.

    Warm: called a moment before with the same data. Cold: the caches hold something else.
    """
    warm = interleaved(
        contenders, warmup=options.warmup, runs=options.runs, seconds=0.7 * options.seconds
    )
    cold = interleaved(
        contenders,
        warmup=0,
        runs=min(options.runs, _COLD_RUNS),
        seconds=0.3 * options.seconds,
        before=_Flush(),
    )
    return {name: {"warm": plain(warm[name]), "cold": plain(cold[name])} for name in contenders}


def plain(timing: Timing) -> dict[str, Any]:
    """``timing`` for JSON."""
    return {"median": timing.median, "min": timing.min, "iqr": timing.iqr, "n": timing.n}


class _Flush:
    """Reads and writes more memory than the caches hold."""

    def __init__(self) -> None:
        self._buffer = torch.zeros(_FLUSH_BYTES, dtype=torch.uint8)

    def __call__(self) -> None:
        self._buffer.add_(1)
