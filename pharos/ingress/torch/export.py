"""From a module to an exported program, without a trace left on the module."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.export import ExportedProgram

from pharos.core.errors import UserError
from pharos.ingress.torch.decompositions import own_while_tracing
from pharos.ingress.torch.places import place_of
from pharos.ingress.torch.state import (
    Held,
    held_by,
    kept_elsewhere,
    plain_tensors_as_buffers,
    watched,
)


def export(
    model: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dynamic_shapes: Any,
    decompositions: dict[Any, Callable[..., Any]],
) -> tuple[ExportedProgram, Callable[[str], Held]]:
    """``model`` called with ``args`` and ``kwargs`` as a program of functional operators,
    and the tensors that the model keeps, by the names that they have in the program.

    Tensors that the model keeps as plain attributes count as buffers, so that what the forward
    pass assigns to them is not lost. The model, random generators and modes stay as they were,
    also when this fails. Raises UserError for models that cannot be traced, and for attributes
    other than tensors that the forward pass changes.
    """
    with ExitStack() as stack:
        stack.enter_context(_generators_kept())
        stack.enter_context(torch.no_grad())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(own_while_tracing())
        stack.enter_context(plain_tensors_as_buffers(model))
        changes = stack.enter_context(watched(model))
        with traced(type(model).__name__):
            program = torch.export.export(
                model, args, kwargs, dynamic_shapes=dynamic_shapes, strict=False
            )
            changes.refuse()
            program = functional(program, decompositions, kept_elsewhere(model))
    # Not what the program holds: the model may have another tensor under the name at a later call.
    return program, lambda name: held_by(model, name, name in changes.assigned)


def functional(
    program: ExportedProgram,
    decompositions: dict[Any, Callable[..., Any]],
    kept: Mapping[int, str],
) -> ExportedProgram:
    """``program`` without in-place operators, and with those in ``decompositions`` decomposed.

    Raises UserError where it changes a tensor that is neither a buffer nor an input, with the
    attribute that ``kept`` gives for its address.
    """
    try:
        return program.run_decompositions(decompositions)
    except RuntimeError as error:
        found = re.match(r"Constant (\S+) is mutated", str(error))
        if found is None:
            raise
        tensor = program.constants.get(found[1])
        name = kept.get(tensor.data_ptr()) if tensor is not None else None
        where = f"a tensor in '{name}'" if name else f"the constant tensor '{found[1]}'"
        raise UserError(
            f"the forward pass changes {where}, which is not a buffer",
            hint="keep it as an attribute of its own, or with self.register_buffer(name, tensor)",
        ) from error


@contextmanager
def traced(name: str) -> Iterator[None]:
    """Turn what torch raises in the block, while it traces ``name``, into UserErrors."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        text = str(error).strip().split("\n\n")[0]
        raise UserError(
            f"torch.export cannot trace {name}: {type(error).__name__}: {text}",
            span=place_of(error),
        ) from error


@contextmanager
def _generators_kept() -> Iterator[None]:
    """Leave the process's random generators as they are now."""
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(state)
