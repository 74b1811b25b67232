"""Torch tensors as memory: numpy views, addresses, fresh tensors. Nothing is copied in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import torch

from pharos.core.errors import UserError
from pharos.ingress.torch.outputs import Outputs
from pharos.ingress.torch.records import INPUT, Argument, Result
from pharos.ingress.torch.sizes import evaluate


def as_numpy(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """A numpy array on the memory of ``tensor``, strides included."""
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def as_torch(array: np.ndarray[Any, Any]) -> torch.Tensor:
    """A tensor on the memory of ``array``."""
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def poison(tensor: torch.Tensor) -> None:
    """Fill ``tensor`` with what no right result holds: NaN, or a rare integer.

    A bool has no such value; it becomes True.
    """
    if tensor.dtype.is_floating_point:
        tensor.fill_(float("nan"))
    elif tensor.dtype == torch.bool:
        tensor.fill_(True)
    else:
        tensor.fill_(torch.iinfo(tensor.dtype).max - 12)


def dense(tensor: torch.Tensor) -> torch.Tensor:
    """``tensor`` itself when it is row-major in host memory, else a copy that is."""
    if tensor.is_contiguous() and not tensor.is_conj() and not tensor.is_neg():
        return tensor
    return tensor.detach().resolve_conj().resolve_neg().contiguous()


def argument_value(argument: Argument, inputs: Sequence[Any]) -> torch.Tensor | int:
    """What goes to ``argument`` in a call with the flat ``inputs``: a row-major tensor or a size.

    A copy is made only of what is strided. Raises UserError for anything but a tensor of the
    argument's type and shape in the host's memory.
    """
    value = inputs[argument.position] if argument.kind == INPUT else argument.read()
    # In one expression: this runs for every weight in every call.
    if (
        type(value) in _PLAIN
        and value.dtype is argument.torch_dtype
        and value.shape == argument.shape
        and value.is_cpu
        and value.layout is torch.strided
        and value.is_contiguous()
        and not value.is_neg()
        and not value.is_conj()
    ):
        return value
    return _checked(argument, value)


_PLAIN = (torch.Tensor, torch.nn.Parameter)


def _checked(argument: Argument, value: Any) -> torch.Tensor | int:
    """What goes to ``argument`` for a value that is not exactly what the code takes."""
    if argument.torch_dtype is None:
        return int(value)
    at = f" {argument.position} (" if argument.kind == INPUT else " "
    what = f"{argument.kind}{at}'{argument.name}'{')' if argument.kind == INPUT else ''}"
    expected = f"{what}: expected a tensor {argument.dtype}{_sizes(argument.shape)}"
    if not isinstance(value, torch.Tensor):
        raise UserError(f"{expected}, found {type(value).__name__}")
    if value.layout != torch.strided or value.device.type != "cpu":
        raise UserError(f"{expected} in the host's memory, found {value.layout} on {value.device}")
    fits = len(value.shape) == len(argument.shape) and all(
        want in (-1, have) for want, have in zip(argument.shape, value.shape, strict=True)
    )
    if value.dtype != argument.torch_dtype or not fits:
        found = str(value.dtype).removeprefix("torch.")
        raise UserError(f"{expected}, found {found}{_sizes(value.shape)}")
    return dense(value)


def result_tensor(result: Result, symbols: Mapping[str, int], outputs: Outputs) -> torch.Tensor:
    """A row-major tensor of ``outputs`` for ``result`` where the symbols have these values."""
    shape = [evaluate(size, symbols) for size in result.sizes] if symbols else result.shape
    return outputs.tensor(shape, result.torch_dtype)


def _sizes(shape: Sequence[int]) -> str:
    return "[" + ", ".join("?" if size == -1 else str(size) for size in shape) + "]"
