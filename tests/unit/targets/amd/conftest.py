"""What the tests of AMD's code objects share."""

from __future__ import annotations

import pytest
from amd_kernels import KERNELS, object_of

from pharos.targets.amd.facts import CHIPS


@pytest.fixture(scope="session", params=sorted(CHIPS))
def chip(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def relocatable(chip: str) -> bytes:
    """The object of ``KERNELS`` for ``chip``."""
    return object_of(KERNELS, chip)
