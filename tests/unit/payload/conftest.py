"""Payloads in a few lines: the motifs of a function body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pharos import ir
from pharos.payload import inspect_payload


@pytest.fixture
def motifs() -> Callable[[str], list[Any]]:
    """``motifs(text)``: the motifs of the only function of the module ``text``."""

    def found(text: str) -> list[Any]:
        (function,) = inspect_payload(ir.parse(text)).functions
        return list(function.motifs)

    return found
