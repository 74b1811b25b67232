"""What a problem needs, found without computing it: torch's meta device has shapes and no data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Sizes:
    """Bytes of the weights, inputs and results and of the largest tensor between them; ``flops``
    counts multiplications and additions of matrix products, convolutions and attention."""

    weights: int
    inputs: int
    results: int
    largest: int
    flops: int

    @property
    def bytes(self) -> int:
        """What has to be in memory at one time, at least."""
        return self.weights + self.inputs + self.results + self.largest


class CannotMeasure(Exception):
    """The problem does something that shapes alone do not answer, or its sizes do not fit."""


def measure(problem: Any) -> Sizes:
    """The sizes of ``problem`` in the dtypes that it has.

    Raises CannotMeasure with the reason when it does not run on shapes alone.
    """
    try:
        model = _model(problem)
        with torch.device("meta"):
            inputs = problem.get_inputs()
        inputs = [_shape_only(value) for value in inputs]
        seen = _Largest()
        with torch.no_grad(), FlopCounterMode(display=False) as flops, seen:
            results = model(*inputs)
    except Exception as error:  # a boundary: the problem's own code may raise anything
        raise CannotMeasure(f"{type(error).__name__}: {error}") from error
    weights = [*model.parameters(), *model.buffers()]
    return Sizes(
        _bytes(weights), _bytes(inputs), _bytes(results), seen.bytes, flops.get_total_flops()
    )


def work_of(model: Any, inputs: Any) -> dict[str, int]:
    """What ``model(*inputs)`` has to do at least, from one call of it: ``flops`` as ``Sizes``
    counts them, and ``bytes`` of its weights, inputs and results, each once."""
    with torch.no_grad(), FlopCounterMode(display=False) as flops:
        results = model(*inputs)
    weights = [*model.parameters(), *model.buffers()]
    moved = _bytes(weights) + _bytes(inputs) + _bytes(results)
    return {"flops": flops.get_total_flops(), "bytes": moved}


def _model(problem: Any) -> torch.nn.Module:
    """The model on the meta device; made in memory first where it looks at values."""
    initial = problem.get_init_inputs()
    try:
        with torch.device("meta"):
            model = problem.model_class(*initial)
    except Exception:  # a boundary: numbers taken out of tensors, mostly
        model = problem.model_class(*initial)
    moved: torch.nn.Module = model.to("meta")
    return moved


def _shape_only(value: Any) -> Any:
    return value.to("meta") if isinstance(value, torch.Tensor) else value


def _bytes(values: Any) -> int:
    return sum(v.nbytes for v in tree_leaves(values) if isinstance(v, torch.Tensor))


class _Largest(TorchDispatchMode):
    """Sees the results of every operator; ``bytes`` of the largest that is no view."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            # An expanded view has many elements and no memory of its own.
            if isinstance(value, torch.Tensor) and value._base is None:
                stored = _stored(value)
                self.bytes = max(self.bytes, stored)
        return out


def _stored(value: torch.Tensor) -> int:
    """Bytes of the distinct elements of ``value``: strides of 0 repeat one."""
    sizes = (n for n, step in zip(value.shape, value.stride(), strict=True) if step)
    return math.prod(sizes) * value.element_size()
