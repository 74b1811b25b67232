"""A problem in KernelBench's form as the tuner wants it: one call of it, and what eager gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_map

from pharos import toolchain
from pharos.core import settings
from pharos.core.errors import UserError
from pharos.ingress.torch import import_model
from pharos.ingress.torch.problem import Problem
from pharos.kernelbench import suite
from pharos.kernelbench.check import Expected, compare
from pharos.kernelbench.selection import own_suite, select
from pharos.kernelbench.tolerance import tolerance_for
from pharos.toolchain.torch_function import TorchFunction


def _made(word: str, seed: int) -> toolchain.TorchProblem:
    """The problem in the file ``word``, or the one of the suite that it names."""
    tasks = select([word], own_suite)
    if len(tasks) > 1:
        raise UserError(
            f"expected one problem, found '{word}', which names {len(tasks)}",
            hint=f"for instance {tasks[0].key}",
        )
    if tasks[0].path is not None:
        return toolchain.read_problem(word, seed)
    problem = suite.load(tasks[0].key)
    parts = problem.model_class, problem.get_inputs, problem.get_init_inputs
    made = Problem(tasks[0].name, *parts, Path(word)).instance(seed)
    imported = import_model(made.model, made.inputs, name=tasks[0].key)
    return toolchain.TorchProblem(toolchain.torch_payload(imported), imported, made)


class ModelSubject:
    """A problem, its model and inputs made with ``seed``: ``word`` is a Python file, or names one
    of the suite, such as level1/3.

    It is made in this process; children compile and call it, each with threads of its own.
    """

    def __init__(self, word: str, seed: int) -> None:
        torch.set_num_threads(1)  # threads of this process would not be there in a fork
        self._problem = _made(word, seed)
        self._seed = seed

    @property
    def payload(self) -> toolchain.Payload:
        """The imported model."""
        return self._problem.payload

    @property
    def entry(self) -> str:
        """The function that the model became."""
        return str(self._problem.imported.entry)

    def bind(self, artifact: Any) -> ModelCall:
        """A call with outputs that hold NaN."""
        made = self._problem.made
        function = TorchFunction(self._problem.imported, artifact)
        # What the model draws is drawn when the call is bound.
        return ModelCall(made.seeded(self._seed, lambda: function.bind(*made.inputs, poison=True)))

    def reference(self) -> tuple[Any, str]:
        """What PyTorch gives, on all threads."""
        torch.set_num_threads(settings.THREADS.get())
        made = self._problem.made
        return made.seeded(self._seed, made.eager()), "eager PyTorch"

    def wrong(self, found: Any, expected: Any) -> str:
        """What is wrong with ``found``, by the tolerances of kernel-bench."""
        verdict = compare(found, Expected(expected), lambda dtype: tolerance_for(dtype, None, None))
        return verdict.wrong


class ModelCall:
    """A bound call of a compiled model."""

    def __init__(self, bound: Any) -> None:
        self._bound = bound

    def __call__(self) -> None:
        """Run the code."""
        self._bound()

    def results(self) -> Any:
        """Run it, and copies of the model's outputs."""
        self._bound()
        found = self._bound.finish()
        return tree_map(lambda x: x.clone() if isinstance(x, torch.Tensor) else x, found)
