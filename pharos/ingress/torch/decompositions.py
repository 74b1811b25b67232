"""Decompositions of our own: recurrent layers as one operator each, which becomes a loop.

Torch unrolls LSTM and GRU: 512 positions of 6 layers are 60,000 operators. Here a layer is a
product for all positions at once and one operator, ``pharos::lstm`` or ``pharos::gru``, for the
steps; `loops` writes it as a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._decomp.decompositions import gru_impl, lstm_impl
from torch.nn.functional import linear

from pharos.ir.bindings import torch_decompositions

_ATEN = torch.ops.aten


@torch.library.custom_op("pharos::lstm", mutates_args=())
def lstm_steps(
    gates: Tensor, hidden: Tensor, cell: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """All steps of one layer: ``gates`` (T, B, 4H) are what the inputs give, in the order input,
    forget, cell, output; ``hidden`` and ``cell`` (B, H). Outputs (T, B, H) and the last states."""
    outputs = []
    for gate in gates:
        i, f, g, o = (gate + linear(hidden, weight, bias)).chunk(4, 1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        outputs.append(hidden)
    return torch.stack(outputs), hidden.clone(), cell.clone()


@torch.library.custom_op("pharos::gru", mutates_args=())
def gru_steps(
    gates: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """All steps of one layer: ``gates`` (T, B, 3H) in the order reset, update, new."""
    outputs = []
    for gate in gates:
        r, z, n = gate.chunk(3, 1)
        own_r, own_z, own_n = linear(hidden, weight, bias).chunk(3, 1)
        new = (n + (r + own_r).sigmoid() * own_n).tanh()
        hidden = (hidden - new) * (z + own_z).sigmoid() + new
        outputs.append(hidden)
    return torch.stack(outputs), hidden.clone()


@lstm_steps.register_fake
def _(gates: Tensor, hidden: Tensor, cell: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
    return (
        gates.new_empty((gates.shape[0], *hidden.shape)),
        torch.empty_like(hidden),
        torch.empty_like(cell),
    )


@gru_steps.register_fake
def _(gates: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
    return gates.new_empty((gates.shape[0], *hidden.shape)), torch.empty_like(hidden)


Steps = Callable[..., tuple[Tensor, ...]]


def _layers(
    x: Tensor,
    states: Sequence[Tensor],
    params: Sequence[Tensor],
    steps: Steps,
    options: tuple[bool, int, float, bool, bool, bool],
) -> tuple[Tensor, ...]:
    """All layers; ``states`` are (layers * directions, B, H) each, and so are those returned."""
    biased, count, dropout, train, both, batch_first = options
    width = 4 if biased else 2
    x = x.transpose(0, 1) if batch_first else x
    last: list[tuple[Tensor, ...]] = []
    for layer in range(count):
        outputs = []
        for direction in range(2 if both else 1):
            place = len(last)
            w_in, w_own, *biases = params[place * width : (place + 1) * width]
            b_in, b_own = biases or (None, None)
            seen = x.flip(0) if direction else x
            own = [state[place] for state in states]
            out, *after = steps(linear(seen, w_in, b_in), *own, w_own, b_own)
            outputs.append(out.flip(0) if direction else out)
            last.append(tuple(after))
        x = torch.cat(outputs, 2) if both else outputs[0]
        if train and dropout and layer < count - 1:
            x = torch.dropout(x, dropout, train=True)
    x = x.transpose(0, 1) if batch_first else x
    return (x, *(torch.stack(state) for state in zip(*last, strict=True)))


def _lstm(x: Tensor, hx: Sequence[Tensor], params: Sequence[Tensor], *options: Any) -> Any:
    projected = hx[0].size(2) != hx[1].size(2)
    if projected or not _known(x):
        return lstm_impl(x, hx, params, *options)
    return _layers(x, hx, params, lstm_steps, options)


def _gru(x: Tensor, hx: Tensor, params: Sequence[Tensor], *options: Any) -> Any:
    if not _known(x):
        return gru_impl(x, hx, params, *options)
    return _layers(x, [hx], params, gru_steps, options)


def _known(x: Tensor) -> bool:
    return all(type(size) is int for size in x.shape)


_OWN: dict[Any, Callable[..., Any]] = {_ATEN.lstm.input: _lstm, _ATEN.gru.input: _gru}


def decompositions() -> dict[Any, Callable[..., Any]]:
    """Those that torch-mlir's lowering counts on, and our own."""
    return {**torch_decompositions(), **_OWN}


@contextmanager
def own_while_tracing() -> Iterator[None]:
    """In the block our decompositions are torch's too.

    Otherwise it unrolls a layer while it traces, only to find the shapes of the results.
    """
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    before = {operator: operator.py_kernels.get(key) for operator in _OWN}
    try:
        for operator, own in _OWN.items():
            _set_kernel(operator, key, own)
        yield
    finally:
        for operator, kernel in before.items():
            _set_kernel(operator, key, kernel)


def _set_kernel(operator: Any, key: Any, kernel: Any) -> None:
    operator.py_kernels.pop(key, None)
    if kernel is not None:
        operator.py_kernels[key] = kernel
    operator._dispatch_cache.clear()
