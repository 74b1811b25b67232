"""Norms in few passes: a mean, a variance, one elementwise operation.

torch-mlir computes variances in f64, in an array of f64 as large as the input, and looks up the
scale of each channel of a group norm in tables of indices. Eager's variances are f32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_ATEN = torch.ops.aten


def _var_mean(
    x: Tensor,
    dim: Sequence[int] | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean, each in a pass of its own: one pass for both would cancel."""
    dims = [d % x.dim() for d in dim] if dim else list(range(x.dim()))
    count = math.prod(x.shape[d] for d in dims)
    wide = _wide(x)
    mean = wide.sum(dims, keepdim=True) / count
    distance = wide - mean
    rest = max(0, count - (1 if correction is None else correction))
    variance = (distance * distance).sum(dims, keepdim=True) / rest
    if not keepdim:
        shape = [n for d, n in enumerate(x.shape) if d not in dims]
        variance, mean = variance.reshape(shape), mean.reshape(shape)
    return variance.to(x.dtype), mean.to(x.dtype)


def _var(
    x: Tensor,
    dim: Sequence[int] | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> Tensor:
    return _var_mean(x, dim, correction=correction, keepdim=keepdim)[0]


def _group_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """``x`` as (N, groups, channels of a group, HxW): each has its mean, each channel its scale."""
    parts = x.reshape(N, group, C // group, HxW)
    wide = _wide(parts)
    variance, mean = _var_mean(wide, [2, 3], correction=0, keepdim=True)
    rstd = torch.rsqrt(variance + eps)
    result = (wide - mean) * rstd
    if weight is not None:
        result = result * weight.reshape(1, group, C // group, 1)
    if bias is not None:
        result = result + bias.reshape(1, group, C // group, 1)
    stats = (value.reshape(N, group).to(x.dtype) for value in (mean, rstd))
    return result.to(x.dtype).reshape(x.shape), *stats


def _batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """With running statistics: a product and a sum per element, as eager does it; what they take
    is found once per channel."""
    scale = torch.rsqrt(_wide(variance) + eps)
    scale = scale if weight is None else scale * weight
    shift = _wide(mean) * scale
    shift = -shift if bias is None else bias - shift
    shape = [x.shape[1]] + [1] * (x.dim() - 2)
    result = _wide(x) * scale.reshape(shape) + shift.reshape(shape)
    return result.to(x.dtype), x.new_zeros(0), x.new_zeros(0)


def _training_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> Any:
    """With the statistics of ``x``, which the running ones move towards."""
    if not training:
        result, *stats = _batch_norm(x, weight, bias, mean, variance, momentum, eps)
        return result, *stats, mean, variance
    result, own_mean, own_variance, rstd = _by_own_statistics(x, weight, bias, eps)
    count = x.numel() // x.shape[1]
    unbiased = own_variance * (count / max(1, count - 1))
    means = momentum * own_mean + (1 - momentum) * mean
    variances = momentum * unbiased + (1 - momentum) * variance
    return result, own_mean, rstd, means.to(mean.dtype), variances.to(variance.dtype)


def _norm_without_running(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    result, mean, _, rstd = _by_own_statistics(x, weight, bias, eps)
    return result, mean, rstd


def _by_own_statistics(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The normed ``x``; the mean, the variance and the inverse deviation of each channel.

    The mean that is rounded to f32 is off by ``rest``, the mean of the distances from it. Where a
    channel hardly varies, or a batch is two numbers next to each other, ``rest`` is not small
    beside the deviation: eager's result is off by it. What of it is more than the rounding of the
    mean is the rounding of the distances.
    """
    dims = [d for d in range(x.dim()) if d != 1]
    shape = [x.shape[1]] + [1] * (x.dim() - 2)
    count = math.prod(x.shape[d] for d in dims)
    wide = _wide(x)
    mean = wide.sum(dims, keepdim=True) / count
    distance = wide - mean
    rest = distance.sum(dims, keepdim=True) * (1 / count)
    variance = torch.relu((distance * distance).sum(dims, keepdim=True) / count - rest * rest)
    rstd = torch.rsqrt(variance + eps)
    scale = rstd if weight is None else rstd * weight.reshape(shape)
    shift = -rest * scale if bias is None else bias.reshape(shape) - rest * scale
    result = (distance * scale + shift).to(x.dtype)
    most = mean.abs() * 2**-22
    mean = mean + torch.minimum(torch.maximum(rest, -most), most)
    return result, *(value.reshape(-1) for value in (mean, variance, rstd))


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


NORMS: dict[Any, Callable[..., Any]] = {
    _ATEN.var_mean.correction: _var_mean,
    _ATEN.var.correction: _var,
    _ATEN.native_group_norm.default: _group_norm,
    _ATEN._native_batch_norm_legit_no_training.default: _batch_norm,
    _ATEN._native_batch_norm_legit_functional.default: _training_norm,
    _ATEN._native_batch_norm_legit.no_stats: _norm_without_running,
}
