"""Numbers as a program's result is printed: whole, exact, never with an exponent.

The format is that of Lispier's ``run`` (language reference, section 12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

# Types whose values are shown with the digits that tell them from their neighbours.
_FLOATS = {"f64": "float64", "f32": "float32", "f16": "float16"}


def number_text(value: Any, dtype: str) -> str:
    """``value`` of the element type ``dtype`` ("f32", "i64", "index", ...) as text.

    Integers are decimal and signed, i1 is 0 or 1. Floats have the fewest digits that read back
    the same in their own type, and no ".0" when whole: 3, 0.1, -0, 1e21 in 22 digits, inf, -inf,
    NaN.
    """
    if dtype in _FLOATS:
        import numpy as np

        return _float_text(getattr(np, _FLOATS[dtype])(value))
    if dtype == "bf16":
        return _bf16_text(value)
    return str(int(value))


def _float_text(value: np.floating[Any]) -> str:
    import numpy as np

    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "inf" if value > 0 else "-inf"
    return np.format_float_positional(value, unique=True, trim="-")


def _bf16_text(value: Any) -> str:
    """The fewest significant digits that round to ``value`` again; 3 do for all but a few."""
    import numpy as np

    from pharos.runtime.dtypes import as_bf16

    wide = float(value)
    for digits in range(1, 5):
        near = float(f"{wide:.{digits}g}")
        if as_bf16(np.float32(near)) == as_bf16(np.float32(wide)):
            return _float_text(np.float64(near))
    return _float_text(np.float64(wide))
