"""What a model is after its import: arguments, results, and a module that names them in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

INPUT, PARAMETER, BUFFER, CONSTANT = "input", "parameter", "buffer", "constant"
RANDOM = "random"
OUTPUT, MUTATED_BUFFER, MUTATED_INPUT = "output", "buffer", "input"


@dataclass(frozen=True)
class Argument:
    """One argument of the imported function.

    ``kind`` is "input" (of the model's forward; ``tensor`` is None, ``position`` counts its flat
    inputs), "parameter", "buffer", "constant" or "random" (a tensor drawn for each call).
    ``shape`` has -1 where the size is known only at run time; ``dtype`` is Pharos's name,
    ``torch_dtype`` torch's own (None: a Python integer). ``read()`` is the tensor now: a buffer
    that the model rebinds is another one after each call.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    torch_dtype: Any
    position: int = -1
    read: Callable[[], Any] = field(default=lambda: None, repr=False, compare=False)

    @property
    def tensor(self) -> Any:
        """The torch tensor that goes here in each call; None for an input."""
        return self.read()


@dataclass(frozen=True)
class Result:
    """One result of the imported function.

    ``role`` is "output" (the model's, ``position`` counts its flat outputs), or "buffer" or
    "input" for the new contents of what the model changes in place: ``name`` is its name, and
    ``store(tensor)`` (buffers) or ``position`` among the flat inputs says where they go.
    ``sizes`` are its shape, ``strides`` those of the model's own result in elements (None: they
    are row-major), with expressions over the symbols where they depend on the call.
    """

    role: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    torch_dtype: Any
    position: int = -1
    sizes: tuple[Any, ...] = ()
    strides: tuple[Any, ...] | None = None
    store: Callable[[Any], None] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Tree:
    """How a model's flat inputs and outputs hang together.

    ``flatten(args, kwargs)`` gives the flat inputs, checked; ``unflatten(outputs)`` the structure
    that the model returns, from its tensor outputs in order and the values of the symbols;
    ``values(inputs)`` are the sizes behind the symbols in results.
    """

    flatten: Callable[[tuple[Any, ...], dict[str, Any]], list[Any]]
    unflatten: Callable[[list[Any], Mapping[str, int]], Any]
    values: Callable[[Sequence[Any]], dict[str, int]]


@dataclass(frozen=True)
class Imported:
    """A model as one MLIR function ``entry``, in linalg on tensors, its weights as arguments.

    ``make()`` is a fresh copy of the module; ``text`` is the module without places, which decides
    everything that is compiled.
    """

    name: str
    text: str = field(repr=False)
    make: Callable[[], Any] = field(repr=False)
    arguments: tuple[Argument, ...]
    results: tuple[Result, ...]
    tree: Tree = field(repr=False)
    entry: str = "main"
