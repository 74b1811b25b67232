"""The words in which the models of levels 2 and 3 are written.

A step is a module or a plain function of one tensor. Torch's own modules and functions are steps;
what is added here are the ones with an argument (``scaled(2.0)``), the ones with a parameter of
their own (``plus(O, 1, 1)``), and the ways to join branches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

Step: TypeAlias = nn.Module | Callable[..., Any]


class Function(nn.Module):
    """A plain function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs)


def as_module(step: Step) -> nn.Module:
    """``step`` itself if it is a module, else the module that calls it."""
    return step if isinstance(step, nn.Module) else Function(step)


class Chain(nn.Sequential):
    """Steps one after the other."""

    def __init__(self, *steps: Step) -> None:
        super().__init__(*map(as_module, steps))


class Beside(nn.Module):
    """``join(steps(x), x)``: what a chain makes of x, and x itself."""

    def __init__(self, *steps: Step, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.steps, self.join = Chain(*steps), join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self.steps(x), x)


class Then(nn.Module):
    """``join(steps(x), y)`` for a model of two inputs."""

    def __init__(self, *steps: Step, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.steps, self.join = Chain(*steps), join

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.join(self.steps(x), y)


class Concat(nn.Module):
    """The results of several branches of one input, side by side as channels."""

    def __init__(self, *branches: Step) -> None:
        super().__init__()
        self.branches = nn.ModuleList(map(as_module, branches))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Sum(nn.Module):
    """``main(x) + shortcut(x)``, added in place as residual networks do."""

    def __init__(self, main: Step, shortcut: Step) -> None:
        super().__init__()
        self.main, self.shortcut = as_module(main), as_module(shortcut)

    def forward(self, x: Tensor) -> Tensor:
        out = self.main(x)
        out += self.shortcut(x)
        return out


class Learned(nn.Module):
    """``operator(x, parameter)`` with a parameter of its own, which starts as ``initial``."""

    def __init__(self, operator: Callable[[Tensor, Tensor], Tensor], initial: Tensor) -> None:
        super().__init__()
        self.operator, self.parameter = operator, nn.Parameter(initial)

    def forward(self, x: Tensor) -> Tensor:
        return self.operator(x, self.parameter)


def plus(*shape: int) -> Learned:
    """Add a parameter."""
    return Learned(torch.add, torch.randn(shape))


def minus(*shape: int) -> Learned:
    """Subtract a parameter."""
    return Learned(torch.sub, torch.randn(shape))


def times(*shape: int) -> Learned:
    """Multiply by a parameter."""
    return Learned(torch.mul, torch.randn(shape))


def scaled(factor: float) -> Step:
    return lambda x: x * factor


def shifted(value: float) -> Step:
    return lambda x: x + value


def lowered(value: float) -> Step:
    return lambda x: x - value


def divided(divisor: float) -> Step:
    return lambda x: x / divisor


def clamped(low: float | None = None, high: float | None = None) -> Step:
    return lambda x: torch.clamp(x, min=low, max=high)


def at_most(value: float) -> Step:
    """The smaller of x and a tensor of rank 0, as the public problems write it."""
    return lambda x: torch.min(x, torch.tensor(value, device=x.device))


def mean(*dims: int, keep: bool = True) -> Step:
    return lambda x: torch.mean(x, dim=dims, keepdim=keep)


def total(*dims: int, keep: bool = True) -> Step:
    return lambda x: torch.sum(x, dim=dims, keepdim=keep)


def largest(dim: int, keep: bool = True) -> Step:
    return lambda x: torch.max(x, dim=dim, keepdim=keep)[0]


def smallest(dim: int, keep: bool = True) -> Step:
    return lambda x: torch.min(x, dim=dim, keepdim=keep)[0]


def logsumexp(dim: int, keep: bool = True) -> Step:
    return lambda x: torch.logsumexp(x, dim=dim, keepdim=keep)


def softmax(dim: int) -> Step:
    return lambda x: torch.softmax(x, dim=dim)


def swish(x: Tensor) -> Tensor:
    """x * sigmoid(x), as two operators."""
    return x * torch.sigmoid(x)


def copied(x: Tensor) -> Tensor:
    """A copy of x that carries no gradient."""
    return x.clone().detach()
