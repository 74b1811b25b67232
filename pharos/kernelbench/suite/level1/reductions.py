"""Reductions over one dimension of three, and scans along rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pharos.kernelbench.suite.definition import Definition, Input, define

Along = Callable[[Tensor, int], Tensor]


def reduction(name: str, operator: Along) -> Definition:
    """``operator`` over dimension ``dim``, a size like the others."""
    return define(name, lambda dim: lambda x: operator(x, dim), "B D1 D2")


def scan(name: str, operator: Along, values: Input | str = "B D", remark: str = "") -> Definition:
    """``operator`` along dimension ``dim`` of a matrix."""
    return define(name, lambda dim: lambda x: operator(x, dim), values, remark=remark)


def near_one(shape: tuple[int, ...]) -> Tensor:
    """Numbers of either sign whose products over thousands neither vanish nor overflow."""
    return (1 + 0.02 * torch.randn(shape)) * (1 - 2 * torch.randint(0, 2, shape))


def exclusive(x: Tensor, dim: int) -> Tensor:
    """The sum of all elements before each: a zero, then the sums of all but the last."""
    sums = torch.cumsum(x.narrow(dim, 0, x.size(dim) - 1), dim=dim)
    return torch.cat((torch.zeros_like(x.select(dim, 0).unsqueeze(dim)), sums), dim=dim)


def mask(shape: tuple[int, ...]) -> Tensor:
    return torch.randint(0, 2, shape).bool()


PROBLEMS = {
    47: reduction("Sum_reduction_over_a_dimension", lambda x, d: torch.sum(x, d, keepdim=True)),
    48: reduction("Mean_reduction_over_a_dimension", torch.mean),
    49: reduction("Max_reduction_over_a_dimension", lambda x, d: torch.max(x, d)[0]),
    51: reduction("Argmax_over_a_dimension", torch.argmax),
    52: reduction("Argmin_over_a_dimension", torch.argmin),
    53: reduction("Min_reduction_over_a_dimension", lambda x, d: torch.min(x, d)[0]),
    89: scan("cumsum", torch.cumsum),
    90: scan(
        "cumprod",
        torch.cumprod,
        Input("B D", check=near_one),
        remark="Products of numbers in [0, 1) are 0 after about a hundred of them.",
    ),
    91: scan("cumsum_reverse", lambda x, d: torch.cumsum(x.flip(d), dim=d).flip(d)),
    92: scan("cumsum_exclusive", exclusive),
    93: define(
        "masked_cumsum",
        lambda dim: lambda x, mask: torch.cumsum(x * mask, dim=dim),
        "B D",
        Input("B D", mask, mask),
    ),
}
