"""What a model keeps between calls: made visible to torch.export, and watched."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from pharos.core.errors import UserError

# What torch itself keeps on modules and changes as it likes; the flat lists are a recurrent
# module's own weights once more.
_OWN = (
    "_parameters",
    "_buffers",
    "_modules",
    "forward",
    "_flat_weights",
    "_flat_weight_refs",
)


@contextmanager
def plain_tensors_as_buffers(model: torch.nn.Module) -> Iterator[None]:
    """Until the block ends, tensors that modules keep as plain attributes are buffers.

    torch.export takes plain tensors for constants, and forgets what forward assigns to them.
    """
    moved = []
    for module in model.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter):
                moved.append((module, name, value))
    try:
        for module, name, value in moved:
            delattr(module, name)
            module.register_buffer(name, value, persistent=False)
        yield
    finally:
        for module, name, value in moved:
            if module._buffers.pop(name, None) is not None:
                module._non_persistent_buffers_set.discard(name)
            vars(module)[name] = value


class Changes:
    """What the forward pass changed; filled when it was traced.

    ``assigned`` are the tensors that it assigned anew, by their full names, ``others`` what else
    is not as it was.
    """

    def __init__(self) -> None:
        self.assigned: frozenset[str] = frozenset()
        self.others: list[str] = []

    def refuse(self) -> None:
        """Raise UserError if anything but tensors was changed."""
        if self.others:
            raise UserError(
                "the forward pass changes what the model keeps between calls, and only tensors "
                f"can be kept by compiled code: {'; '.join(self.others)}",
                hint="keep it as a tensor: self.register_buffer(name, torch.tensor(...))",
            )


@contextmanager
def watched(model: torch.nn.Module) -> Iterator[Changes]:
    """Note which attributes the next call of ``model.forward`` changes."""
    changes = Changes()
    original = model.forward
    had_own = "forward" in vars(model)

    @functools.wraps(original)
    def forward(*args: Any, **kwargs: Any) -> Any:
        attributes, buffers = _attributes(model), dict(model.named_buffers(remove_duplicate=False))
        result = original(*args, **kwargs)
        changes.others = list(_differences(attributes, _attributes(model)))
        after = dict(model.named_buffers(remove_duplicate=False))
        changes.assigned = frozenset(n for n, old in buffers.items() if after.get(n) is not old)
        return result

    vars(model)["forward"] = forward
    try:
        yield changes
    finally:
        if had_own:
            vars(model)["forward"] = original
        else:
            vars(model).pop("forward", None)


_Kept = dict[str, tuple[Any, ...]]


def _attributes(model: torch.nn.Module) -> _Kept:
    """Every attribute of every submodule by its full name, containers one level deep."""
    found: _Kept = {}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name not in _OWN:
                found[f"{path}.{name}" if path else name] = _contents(value)
    return found


def _contents(value: Any) -> tuple[Any, ...]:
    if isinstance(value, list | tuple | set | frozenset):
        return (value, *value)
    if isinstance(value, dict):
        return (value, *value.keys(), *value.values())
    return (value,)


def _differences(before: _Kept, after: _Kept) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"'{name}' is new"
        elif name not in after:
            yield f"'{name}' is gone"
        elif not _same(before[name], after[name]):
            yield f"'{name}' is another {type(after[name][0]).__name__}"


def _same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    # By identity: values may be arrays, whose == is no answer.
    return len(a) == len(b) and all(map(_is_same, a, b))


def _is_same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, int | float | str) and a == b)


@dataclass(frozen=True)
class Held:
    """A tensor that a model keeps: ``read()`` is the one it keeps now, ``store(new)`` puts new
    contents there."""

    read: Callable[[], Any]
    store: Callable[[Any], None]


def held_by(model: torch.nn.Module, path: str, assigned: bool) -> Held:
    """The tensor called ``path`` in ``model``.

    ``assigned`` tells that the model assigns another tensor, which leaves the old one to those
    who have it; otherwise new contents go to the memory of the one it has.
    """
    *parents, name = path.split(".")

    def owner() -> Any:
        return functools.reduce(getattr, parents, model)

    def store(new: Any) -> None:
        if assigned:
            setattr(owner(), name, new.clone())
        else:
            _overwrite(getattr(owner(), name), new)

    return Held(functools.partial(_read, model, parents, name), store)


def _read(module: Any, parents: list[str], name: str) -> Any:
    """What ``getattr`` would find; a module takes a microsecond to look an attribute up."""
    for parent in parents:
        child = module._modules.get(parent)
        module = getattr(module, parent) if child is None else child
    found = None
    if name not in vars(module):
        found = module._parameters.get(name)
        found = module._buffers.get(name) if found is None else found
    return getattr(module, name) if found is None else found


def held_by_program(tensor: torch.Tensor) -> Held:
    """``tensor``, which an exported program keeps."""
    return Held(lambda: tensor, functools.partial(_overwrite, tensor))


def _overwrite(tensor: torch.Tensor, new: torch.Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(new)


def kept_elsewhere(model: torch.nn.Module) -> dict[int, str]:
    """Tensors in containers that are attributes of modules: the attributes by their addresses."""
    return {
        value.data_ptr(): name
        for name, values in _attributes(model).items()
        for value in values
        if isinstance(value, torch.Tensor)
    }
