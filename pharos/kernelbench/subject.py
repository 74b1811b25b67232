"""A problem in KernelBench's form as the tuner wants it: one call of it, and what eager gives."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._pytree import tree_map

from pharos import toolchain
from pharos.core import settings
from pharos.kernelbench.check import Expected, compare
from pharos.kernelbench.tolerance import tolerance_for
from pharos.toolchain.torch_function import TorchFunction


class ModelSubject:
    """The problem in the Python file ``file``, its model and inputs made with ``seed``.

    It is made in this process; children compile and call it, each with threads of its own.
    """

    def __init__(self, file: str, seed: int) -> None:
        torch.set_num_threads(1)  # threads of this process would not be there in a fork
        self._problem = toolchain.read_problem(file, seed)
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
