"""How far a result may be from the right one, per dtype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Tolerance:
    """An element ``x`` is right when ``|x - r| <= relative * |r| + absolute * rms(r)``.

    ``r`` is the reference and ``rms(r)`` the root of the mean square of all its elements: what is
    small beside its neighbours is a difference of large numbers and has their errors.
    """

    relative: float
    absolute: float

    def __str__(self) -> str:
        return f"{self.relative:g} of the value + {self.absolute:g} of the rms"


# About 800 units in the last place for f32 (deep networks add up what each layer rounds), 4 for
# bf16, 8 for f16.
_BY_DTYPE = {
    torch.float64: Tolerance(1e-9, 1e-10),
    torch.float32: Tolerance(1e-4, 1e-5),
    torch.float16: Tolerance(8e-3, 2e-3),
    torch.bfloat16: Tolerance(1.6e-2, 1e-2),
}
# What eager itself is off, against float64, tells how much the problem magnifies rounding; a
# result may be this many times as far off.
OF_EAGERS_ERROR = 4.0


def tolerance_for(dtype: Any, relative: float | None, absolute: float | None) -> Tolerance:
    """The tolerance for results of ``dtype``; given values win. Whole numbers must be equal."""
    own = _BY_DTYPE.get(dtype, Tolerance(0.0, 0.0))
    if not dtype.is_floating_point:
        return own
    return Tolerance(
        own.relative if relative is None else relative,
        own.absolute if absolute is None else absolute,
    )
