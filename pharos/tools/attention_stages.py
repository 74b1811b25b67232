"""The stages of an attention by the names that attention is talked of with, on every target.

A pipeline's own labels are found by what they are: one kernel stage tiles, writes vectors and, on a
GPU, the kernel with its launch, so several names may mean the same stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pharos.core.errors import UserError, nearest

INITIAL = "initial"
NAMES = (
    INITIAL, "outer-tiled", "vectorized", "bufferized", "inner-tiled", "gpu-outlined",
    "target-level", "final",
)  # fmt: skip
_KERNEL, _OUTLINED, _BUFFERIZED = "-attention", "parallel-kernels", "carried-parameters"
# How the labels of the passes end that leave nothing but the LLVM dialect.
_LLVM = ("reconcile-unrealized-casts", "convert-xevm-to-llvm")


def label_of(name: str, target: str, stages: Sequence[Any]) -> str | None:
    """The label in a pipeline's ``stages`` after which the module is at the stage ``name``; None
    for "initial", before all. UserError for names that there are not, and for stages that the
    pipeline of ``target`` does not have."""
    if name not in NAMES:
        raise UserError(
            f"expected a stage among {', '.join(NAMES)}, found '{name}'", hint=nearest(name, NAMES)
        )
    if name == INITIAL:
        return None
    found = _found(stages).get(name)
    if found is None:
        known = [INITIAL, *_found(stages)]
        raise UserError(
            f"the pipeline for {target} has no stage '{name}'",
            hint=f"it has {', '.join(one for one in NAMES if one in known)}",
        )
    return found


def _found(stages: Sequence[Any]) -> Mapping[str, str]:
    labels = [str(stage.name) for stage in stages]
    found = {"final": labels[-1]}
    if _BUFFERIZED in labels:
        found["bufferized"] = _BUFFERIZED
    kernels = [label for label in labels if _KERNEL in label and label != "fuse-attention"]
    if kernels:
        found |= dict.fromkeys(("outer-tiled", "vectorized", "inner-tiled"), kernels[-1])
        if _OUTLINED in labels:
            found["gpu-outlined"] = kernels[-1]
    llvm = [label for label in labels if label.endswith(_LLVM)]
    if llvm:
        found["target-level"] = llvm[-1]
    return found
