"""How the tables of level 2 write a problem: a name and a list of steps built from sizes.

Sizes are one letter: B batch, I and O channels or features in and out, S the extents of an image
or volume, G groups of a normalization, H hidden features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

from torch import Tensor

from pharos.kernelbench.suite.definition import Definition, Input, Shape, define
from pharos.kernelbench.suite.vocabulary import Chain, Step

SMALL = "Outputs are near 1/O: an absolute tolerance would let anything pass."


def chain(
    name: str,
    steps: Callable[..., Sequence[Step]],
    shape: Input | Shape,
    remark: str = "",
    constant: bool = False,
) -> Definition:
    """A problem of one input, whose model is the chain of ``steps``."""

    @wraps(steps)
    def build(*sizes: int) -> Chain:
        return Chain(*steps(*sizes))

    return define(name, build, shape, remark=remark, constant=constant)


def gemm(
    name: str,
    steps: Callable[..., Sequence[Step]],
    remark: str = "",
    constant: bool = False,
    check: Callable[[tuple[int, ...]], Tensor] | None = None,
) -> Definition:
    """A chain on a batch of rows."""
    rows = Input("B I", check=check) if check else Input("B I")
    return chain(name, steps, rows, remark, constant)


def conv(
    name: str,
    steps: Callable[..., Sequence[Step]],
    remark: str = "",
    constant: bool = False,
) -> Definition:
    """A chain on a batch of images or volumes."""
    return chain(name, steps, "B I *S", remark, constant)
