"""Problems in KernelBench's form: a Python file with Model, get_inputs and get_init_inputs."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pharos.core.errors import UserError
from pharos.ingress.torch.places import place_of

_NEEDED = ("Model", "get_inputs")


@dataclass(frozen=True)
class Problem:
    """A model class with what it is made from and called with.

    ``get_init_inputs()`` are the arguments of ``model_class`` (a list, or a list with a list and
    a dict), ``get_inputs()`` those of its forward.
    """

    name: str
    model_class: Any
    get_inputs: Callable[[], Any]
    get_init_inputs: Callable[[], Any]
    path: Path

    def make(self) -> Any:
        """A model, made as the problem says."""
        return self.model_class(*self.get_init_inputs())

    def instance(self, seed: int) -> Instance:
        """The model and its inputs, made after torch's generator was seeded with ``seed``.

        The generator is left as it was. Raises UserError when making them fails.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            try:
                return Instance(self.make(), tuple(self.get_inputs()))
            except Exception as error:
                text = f"{self.path}: making the model and its inputs failed: "
                place = place_of(error)
                raise UserError(f"{text}{type(error).__name__}: {error}", span=place) from error


@dataclass(frozen=True)
class Instance:
    """A problem's model and the arguments of one call of it."""

    model: Any
    inputs: tuple[Any, ...]

    def eager(self) -> Callable[[], Any]:
        """What calls an equal model on equal inputs in PyTorch, without gradients.

        That call raises UserError where the model does not run in PyTorch either.
        """
        model, inputs = copy.deepcopy((self.model, self.inputs))

        def call() -> Any:
            try:
                with torch.no_grad():
                    return model(*inputs)
            except Exception as error:  # a boundary: the model's own code may raise anything
                told = f"{type(error).__name__}: {error}"
                raise UserError(f"the model does not run in PyTorch: {told}") from error

        return call

    @staticmethod
    def seeded(seed: int, work: Callable[[], Any]) -> Any:
        """``work()`` with torch's generator seeded; it is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return work()


def load_problem(path: str | Path) -> Problem:
    """The problem in the file at ``path``.

    The file is run as a module of its own. Raises UserError when it is missing, does not run,
    or does not define what a problem needs.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    module = _run(path)
    missing = [name for name in _NEEDED if not hasattr(module, name)]
    if missing:
        raise UserError(
            f"{path}: expected a file that defines {', '.join(_NEEDED)}; it lacks "
            f"{', '.join(missing)}",
            hint="get_inputs() returns the list of arguments of Model().forward",
        )
    init = getattr(module, "get_init_inputs", list)
    return Problem(path.stem, module.Model, module.get_inputs, init, path)


def _run(path: Path) -> Any:
    """The module in ``path``, under a name that no other file's module has."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"pharos_problem_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path}: expected a Python file, found '{path.suffix}'")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"{path}: running it failed: {type(error).__name__}: {error}") from error
    return module
