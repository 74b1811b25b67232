"""Compiled torch models, called with torch tensors."""

from __future__ import annotations

import functools
from typing import Any

from pharos.core.artifact import Artifact
from pharos.runtime.buffer import row_major
from pharos.runtime.device import Checked, Memory, Scalar
from pharos.toolchain.tables import target


class TorchFunction:
    """An imported model with its code: called like the model, with tensors, it returns tensors.

    Reads parameters and buffers where the model keeps them, so that it follows when they change,
    and writes back what the model changes in place. Outputs are row-major tensors without
    gradients, in memory that nobody else holds. Any number of threads may call it.
    """

    def __init__(self, imported: Any, artifact: Artifact) -> None:
        """``artifact`` is the code of ``torch_payload(imported)``."""
        self.imported = imported
        self.artifact = artifact
        self._entry = artifact.entry(imported.entry)
        self._module = target(artifact.target).open_device().load(artifact)
        self._idle: list[_Frame] = []  # append and pop are atomic
        self._outputs = _outputs()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The model's outputs for these inputs. UserError for inputs that do not fit."""
        call = _Tensors(self.imported, self.imported.tree.flatten(args, kwargs), self._outputs)
        frame = self._idle.pop() if self._idle else None
        if frame is None:
            frame = self._frame(call)
        else:
            frame.fill(call.all)
        frame.call()
        self._idle.append(frame)
        return call.finish()

    def bind(self, *args: Any, poison: bool = False, **kwargs: Any) -> BoundTorch:
        """Check the inputs and make the outputs once, to call many times.

        ``poison`` fills the outputs with NaN (integers with a rare value) first.
        """
        call = _Tensors(self.imported, self.imported.tree.flatten(args, kwargs), self._outputs)
        if poison:
            call.poison()
        return BoundTorch(call, self._frame(call))

    def _frame(self, call: _Tensors) -> _Frame:
        return _Frame(self._module, self._entry, call.all)


class BoundTorch:
    """One call with its memory. ``bound()`` runs the code and nothing else."""

    def __init__(self, tensors: _Tensors, frame: _Frame) -> None:
        self._tensors = tensors
        self._call = frame.call

    def __call__(self) -> None:
        """Run the code: the outputs hold the results, and the model is left as it was."""
        self._call()

    @property
    def outputs(self) -> list[Any]:
        """The tensors that hold the model's outputs, flat."""
        return self._tensors.outputs

    def poison(self) -> None:
        """Fill every output with what no right result holds."""
        self._tensors.poison()

    def finish(self) -> Any:
        """Write back what the model changes in place; the outputs, structured like the model's."""
        return self._tensors.finish()


class _Tensors:
    """The memory of one call: what goes in, checked, and tensors of its own for what comes out."""

    __slots__ = ("_imported", "_inputs", "_results", "_symbols", "all")

    def __init__(self, imported: Any, inputs: list[Any], outputs: Any) -> None:
        memory = _memory()
        self._imported = imported
        self._inputs = inputs
        self._symbols = imported.tree.values(inputs)
        self._results = [memory.result_tensor(r, self._symbols, outputs) for r in imported.results]
        arguments = [memory.argument_value(a, inputs) for a in imported.arguments]
        self.all = [*arguments, *self._results]

    @property
    def outputs(self) -> list[Any]:
        pairs = zip(self._imported.results, self._results, strict=True)
        return [tensor for result, tensor in pairs if result.role == "output"]

    def poison(self) -> None:
        for tensor in self._results:
            _memory().poison(tensor)

    def finish(self) -> Any:
        outputs = []
        for result, tensor in zip(self._imported.results, self._results, strict=True):
            if result.role == "output":
                outputs.append(tensor)
            elif result.role == "buffer":
                result.store(tensor)
            elif result.role == "input":
                self._inputs[result.position].copy_(tensor)
        return self._imported.tree.unflatten(outputs, self._symbols)


class _Frame:
    """A prepared call; does not hold the memory that it points to."""

    __slots__ = ("_values", "call")

    def __init__(self, module: Any, entry: Any, values: list[Any]) -> None:
        self._values = list(map(_checked, values))
        self.call = module.prepare(entry, self._values)

    def fill(self, values: list[Any]) -> None:
        """Point to ``values``: what is where it was is not written again."""
        for number, (value, old) in enumerate(zip(values, self._values, strict=True)):
            if isinstance(value, int) or not isinstance(old, Memory) or value.shape != old.shape:
                new = _checked(value)
            elif (address := value.data_ptr()) != old.address:
                new = Memory(address, old.shape, old.strides, None)
            else:
                continue
            self._values[number] = new
            self.call.update(number, new)


@functools.cache
def _memory() -> Any:
    from pharos.ingress.torch import memory  # torch is imported by whoever calls with tensors

    return memory


def _outputs() -> Any:
    from pharos.ingress.torch.outputs import Outputs

    return Outputs()


def _checked(value: Any) -> Checked:
    if isinstance(value, int):
        return Scalar(value.to_bytes(8, "little", signed=True))
    shape = tuple(value.shape)
    return Memory(value.data_ptr(), shape, row_major(shape), None)
