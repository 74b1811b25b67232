"""Numbers of a row as text."""

from __future__ import annotations

from pharos.kernelbench.rows import Row, speed_up


def ms_text(row: Row, who: str) -> str:
    """The warm median of ``who`` in milliseconds; "-" where it was not timed."""
    return f"{row['times'][who]['warm']['median'] * 1e3:.3f}" if who in row["times"] else "-"


def speed_text(row: Row, peer: str = "eager") -> str:
    """How many times as fast as ``peer``, warm; "-" where it was not timed."""
    up = speed_up(row, peer)
    return "-" if up is None else f"{up:.2f}"


def seconds_text(seconds: float | None) -> str:
    """Seconds with two digits after the point, "-" for none."""
    return "-" if seconds is None else f"{seconds:.2f}"
