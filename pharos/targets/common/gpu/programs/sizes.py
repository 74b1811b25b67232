"""The pipeline step: kernels learn the sizes of their launch from the host, which knows them.

    gpu.launch blocks(%b) in (%g = %n) threads(%t) in (%s = %m) { use(%g, %s, gpu.block_dim x) }
    ==>
    gpu.launch blocks(%b) in (%g = %n) threads(%t) in (%s = %m) { use(%n, %m, %m) }

Outlined, %n and %m are arguments of the kernel, as whatever else it takes from around it. To ask
the device costs memory accesses on AMD's GPUs, and a library that is not linked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations

_ASKED = {"gpu.grid_dim": 0, "gpu.block_dim": 3}
_AXES = ("x", "y", "z")
_NUMBERS = 6  # arguments of a launch's region before the sizes: block and work-item


@dataclass(frozen=True)
class LaunchSizes:
    """Replace the sizes inside of every ``gpu.launch`` by its operands."""

    name: ClassVar[str] = "launch-sizes"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        found = operations(module, "gpu.launch")
        with module.context:
            for launch in found:
                _replace(launch)
        return module


def _replace(launch: Any) -> None:
    first = launch.attributes["operandSegmentSizes"][0]  # asynchronous dependencies
    sizes = list(launch.operands)[first : first + 6]
    arguments = list(launch.regions[0].blocks[0].arguments)[_NUMBERS : _NUMBERS + 6]
    for argument, size in zip(arguments, sizes, strict=True):
        argument.replace_all_uses_with(size)
    for operation, number in list(_asked(launch)):
        operation.results[0].replace_all_uses_with(sizes[number])
        operation.erase()


def _asked(launch: Any) -> Iterator[tuple[Any, int]]:
    """The operations inside that ask for a size, and which it is."""
    found = operations(launch, *_ASKED)
    for operation in found:
        dimension = str(operation.attributes["dimension"])  # #gpu<dim x>
        yield operation, _ASKED[operation.name] + _AXES.index(dimension[-2])
