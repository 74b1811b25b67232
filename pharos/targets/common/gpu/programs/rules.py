"""What a vendor says about the passes that programs name for its GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProgramRules:
    """How pass lists in programs are read for one kind of GPU.

    ``backend`` is what compilation blocks call it. ``conversion`` is the pass that takes kernels to
    the vendor's dialect. ``chip`` names, for passes, the option that is set to the chip, whatever
    the program says; ``defaults`` options that are set where the program does not say them;
    "$chip" in a value is the chip.
    """

    backend: str
    conversion: str
    chip: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


# Passes whose work is done when the program is finished: code of kernels is ours to make.
DONE_BY_US = frozenset({"gpu-module-to-binary"})
