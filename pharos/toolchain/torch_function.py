"""Compiled torch models, called with torch tensors."""

from __future__ import annotations

from typing import Any

from pharos.core.artifact import Artifact
from pharos.runtime.buffer import row_major
from pharos.runtime.device import Checked, Memory, Scalar
from pharos.toolchain.tables import target


class TorchFunction:
    """An imported model with its code: called like the model, with tensors, it returns tensors.

    Reads parameters and buffers where the model keeps them, so that it follows when they change,
    and writes back what the model changes in place. Outputs are fresh row-major tensors without
    gradients.
    """

    def __init__(self, imported: Any, artifact: Artifact) -> None:
        """``artifact`` is the code of ``torch_payload(imported)``."""
        self.imported = imported
        self.artifact = artifact
        self._entry = artifact.entry(imported.entry)
        self._module = target(artifact.target).open_device().load(artifact)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The model's outputs for these inputs. UserError for inputs that do not fit."""
        bound = self.bind(*args, **kwargs)
        bound()
        return bound.finish()

    def bind(self, *args: Any, poison: bool = False, **kwargs: Any) -> BoundTorch:
        """Check the inputs and make the outputs once, to call many times.

        ``poison`` fills the outputs with NaN (integers with a rare value) first.
        """
        return BoundTorch(self, self.imported.tree.flatten(args, kwargs), poison)


class BoundTorch:
    """One call with its memory. ``bound()`` runs the code and nothing else."""

    def __init__(self, function: TorchFunction, inputs: list[Any], poison: bool) -> None:
        from pharos.ingress.torch import memory

        self._imported = imported = function.imported
        self._inputs = inputs
        self._symbols = imported.tree.values(inputs)
        self._results = [memory.result_tensor(r, self._symbols) for r in imported.results]
        if poison:
            self.poison()
        arguments = [memory.argument_value(a, inputs) for a in imported.arguments]
        values = [_checked(value) for value in (*arguments, *self._results)]
        self._call = function._module.prepare(function._entry, values)

    def __call__(self) -> None:
        """Run the code: the outputs hold the results, and the model is left as it was."""
        self._call()

    @property
    def outputs(self) -> list[Any]:
        """The tensors that hold the model's outputs, flat."""
        pairs = zip(self._imported.results, self._results, strict=True)
        return [tensor for result, tensor in pairs if result.role == "output"]

    def poison(self) -> None:
        """Fill every output with what no right result holds."""
        from pharos.ingress.torch import memory

        for tensor in self._results:
            memory.poison(tensor)

    def finish(self) -> Any:
        """Write back what the model changes in place; the outputs, structured like the model's."""
        for result, tensor in zip(self._imported.results, self._results, strict=True):
            if result.role == "buffer":
                result.store(tensor)
            elif result.role == "input":
                self._inputs[result.position].copy_(tensor)
        return self._imported.tree.unflatten(self.outputs, self._symbols)


def _checked(value: Any) -> Checked:
    if isinstance(value, int):
        return Scalar(value.to_bytes(8, "little", signed=True))
    shape = tuple(value.shape)
    return Memory(value.data_ptr(), shape, row_major(shape), value)
