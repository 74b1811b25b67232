"""Sums of bf16 and f16 with f32 on the way, as eager has them.

torch-mlir adds in the type of the input, and a sum in bf16 stops to grow at 256 times its terms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._decomp.decompositions import nll_loss_forward

_ATEN = torch.ops.aten
_NARROW = (torch.bfloat16, torch.float16)


def _wide_sum(
    x: Tensor,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Any:
    if x.dtype not in _NARROW:
        return NotImplemented
    return _ATEN.sum.dim_IntList(x.float(), dim, keepdim).to(dtype or x.dtype)


def _wide_mean(
    x: Tensor,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Any:
    if x.dtype not in _NARROW:
        return NotImplemented
    return _ATEN.mean.dim(x.float(), dim, keepdim).to(dtype or x.dtype)


def _wide_nll(
    x: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int
) -> Any:
    """The negative log-likelihood, in f32 as a whole where ``x`` is narrow."""
    if x.dtype not in _NARROW:
        return nll_loss_forward(x, target, weight, reduction, ignore_index)
    wide = None if weight is None else weight.float()
    loss, total = nll_loss_forward(x.float(), target, wide, reduction, ignore_index)
    return loss.to(x.dtype), total.to(x.dtype)


SUMS: dict[Any, Callable[..., Any]] = {
    _ATEN.sum.default: lambda x, *, dtype=None: _wide_sum(x, dtype=dtype),
    _ATEN.sum.dim_IntList: _wide_sum,
    _ATEN.mean.default: lambda x, *, dtype=None: _wide_mean(x, dtype=dtype),
    _ATEN.mean.dim: _wide_mean,
    _ATEN.nll_loss_forward.default: _wide_nll,
}
"""Decompositions for ``torch.export``; other types stay what they are."""
