"""Sums of bf16 and f16 with f32 on the way, as eager has them.

torch-mlir adds in the type of the input, and a sum in bf16 stops to grow at 256 times its terms.
So do norms, variances, products, running sums, softmax and averages over windows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._decomp.decompositions import nll_loss_forward

_ATEN = torch.ops.aten
_NARROW = (torch.bfloat16, torch.float16)


def _wide(operator: Any) -> Callable[..., Any]:
    """``operator`` of a narrow tensor in f32, its results rounded once."""

    def computed(x: Tensor, *args: Any, dtype: torch.dtype | None = None, **kwargs: Any) -> Any:
        if x.dtype not in _NARROW:
            return NotImplemented
        found = operator(x.float(), *args, **kwargs)
        if isinstance(found, tuple):
            return tuple(value.to(dtype or x.dtype) for value in found)
        return found.to(dtype or x.dtype)

    return computed


def _wide_nll(
    x: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int
) -> Any:
    """The negative log-likelihood, in f32 as a whole where ``x`` is narrow."""
    if x.dtype not in _NARROW:
        return nll_loss_forward(x, target, weight, reduction, ignore_index)
    wide = None if weight is None else weight.float()
    loss, total = nll_loss_forward(x.float(), target, wide, reduction, ignore_index)
    return loss.to(x.dtype), total.to(x.dtype)


# Variances are in `norms`: an entry here would hide the one there from f32, too.
_ADDING = (
    _ATEN.sum.default,
    _ATEN.sum.dim_IntList,
    _ATEN.mean.default,
    _ATEN.mean.dim,
    _ATEN.linalg_vector_norm.default,
    _ATEN.cumsum.default,
    _ATEN.cumprod.default,
    _ATEN.prod.default,
    _ATEN.prod.dim_int,
    _ATEN._softmax.default,
    _ATEN.avg_pool2d.default,
    _ATEN.avg_pool3d.default,
)
SUMS: dict[Any, Callable[..., Any]] = {
    **{operator: _wide(operator) for operator in _ADDING},
    _ATEN.nll_loss_forward.default: _wide_nll,
}
"""Decompositions for ``torch.export``; other types stay what they are."""
