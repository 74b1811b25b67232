"""The pipeline step that gives kernels their dynamic workgroup memory as an array of their own.

    gpu.launch_func @k dynamic_shared_memory_size 4096
    gpu.func @k():
      %d = gpu.dynamic_shared_memory
      %v = memref.view %d
      ==>
    gpu.launch_func @k
    gpu.func @k() workgroup(%d: memref<4096xi8>):
      %v = memref.view %d

SPIR-V has no array whose size the launch says; drivers want a pointer argument for it. The size is
a constant where the kernel is launched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.core.errors import InternalError
from pharos.ir import operations
from pharos.ir.bindings import mlir

_ATTRIBUTIONS = "workgroup_attributions"
# Of gpu.launch_func's operand segments: dependencies, grid, block and cluster (3 each), then this.
_SEGMENT = 10


@dataclass(frozen=True)
class StaticShared:
    """Replace gpu.dynamic_shared_memory in every kernel."""

    name: ClassVar[str] = "static-shared"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place. InternalError for a use other than memref.view."""
        with module.context, mlir.Location.unknown():
            sizes = dict(_fixed_launch(launch) for launch in _found(module, "gpu.launch_func"))
            for kernel in _found(module, "gpu.func"):
                name = kernel.attributes["sym_name"].value
                for use in _found(kernel, "gpu.dynamic_shared_memory"):
                    _give(kernel, use, sizes[name])
        return module


def _found(root: Any, name: str) -> Iterator[Any]:
    found = operations(root, name)
    yield from found


def _fixed_launch(launch: Any) -> tuple[str, int]:
    """The kernel of ``launch``, and its bytes of dynamic memory, which the launch then has not."""
    kernel = str(launch.attributes["kernel"]).rsplit("@", 1)[1]
    segments = list(mlir.DenseI32ArrayAttr(launch.attributes["operandSegmentSizes"]))
    if not segments[_SEGMENT]:
        return kernel, 0
    place = sum(segments[:_SEGMENT])
    operands = list(launch.operands)
    size = mlir.IntegerAttr(operands.pop(place).owner.attributes["value"]).value
    segments[_SEGMENT] = 0
    attributes = {name: launch.attributes[name] for name in launch.attributes}
    attributes["operandSegmentSizes"] = mlir.DenseI32ArrayAttr.get(segments)
    with launch.location, mlir.InsertionPoint(launch):
        mlir.Operation.create("gpu.launch_func", operands=operands, attributes=attributes)
    launch.erase()
    return kernel, size


def _give(kernel: Any, use: Any, size: int) -> None:
    """Views of ``use`` become views of an array of ``size`` bytes."""
    strange = [u.owner.name for u in use.results[0].uses if u.owner.name != "memref.view"]
    if strange:
        raise InternalError(f"dynamic workgroup memory is used by {strange[0]}, not memref.view")
    space = mlir.MemRefType(use.results[0].type).memory_space
    kind = mlir.MemRefType.get([size], mlir.IntegerType.get_signless(8), None, space)
    block = kernel.regions[0].blocks[0]
    use.results[0].replace_all_uses_with(block.add_argument(kind, kernel.location))
    use.erase()
    attributes = kernel.attributes
    count = mlir.IntegerAttr(attributes[_ATTRIBUTIONS]).value if _ATTRIBUTIONS in attributes else 0
    i64 = mlir.IntegerType.get_signless(64)
    attributes[_ATTRIBUTIONS] = mlir.IntegerAttr.get(i64, count + 1)
