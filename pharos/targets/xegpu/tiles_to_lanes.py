"""The pipeline step that brings XeGPU kernels down a level: workgroup, subgroup, instruction, lane.

    workgroup                 subgroup                      instruction                lane
    vector<128x128xf32>  ==>  16 x vector<32x32xf32>  ==>  8 x vector<8x16xf32>  ==>  vector<8xf32>

The passes are those of upstream's gpu-lower-to-xevm-pipeline, in its order, but for CSE between
subgroups and instructions: it joins the numbers of rows and of columns, which are laid out
otherwise, where a workgroup has a single, square subgroup. Before each level, every use of a
constant vector gets a constant of its own. They run only on the kernels that have XeGPU operations:
layout propagation breaks functions that have workgroup memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos import ir
from pharos.ir.bindings import mlir


def _propagate(kind: str) -> str:
    return f"xegpu-propagate-layout{{index-bitwidth=64 layout-kind={kind}}}"


_CLEAN = "canonicalize,cse"
_FIRST: Mapping[str, str] = {"subgroups": "cse,lower-affine,cse"}
PASSES: Mapping[str, str] = {
    "subgroups": f"{_propagate('subgroup')},xegpu-wg-to-sg-distribute,lower-affine",
    "instructions": f"{_propagate('inst')},xegpu-blocking,cse",
    "lanes": f"{_propagate('lane')},xegpu-optimize-peephole,cse,{_propagate('lane')},"
    f"xegpu-sg-to-lane-distribute,{_CLEAN},loop-invariant-code-motion,cse,"
    f"xegpu-vector-linearize,{_CLEAN}",
}


@dataclass(frozen=True)
class TilesToLanes:
    """Bring the XeGPU kernels of a module down ``to`` "subgroups", "instructions" or "lanes",
    from the level before."""

    name: ClassVar[str] = "xegpu-tiles"
    to: str = "lanes"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context, mlir.Location.unknown(), _tiled(module) as apart:
            if apart is not None:
                if self.to in _FIRST:
                    ir.run_passes(apart, f"gpu.module({_FIRST[self.to]})")
                _constants_apart(apart)
                ir.run_passes(apart, f"gpu.module({PASSES[self.to]})")
        return module


@contextmanager
def _tiled(module: Any) -> Iterator[Any]:
    """A module with the XeGPU kernels of ``module``, which has them again afterwards."""
    kernels = [k for k in _kernels(module) if _has_tiles(k)]
    if not kernels:
        yield None
        return
    home = kernels[0].parent.operation
    apart = mlir.Module.create()
    with mlir.InsertionPoint(apart.body):
        # The passes ask the attribute "targets" which instructions there are.
        attributes = {name: home.attributes[name] for name in home.attributes}
        holder = mlir.Operation.create("gpu.module", attributes=attributes, regions=1)
    inside = holder.regions[0].blocks.append()
    for kernel in kernels:
        inside.append(kernel)
    yield apart
    for kernel in list(inside.operations):
        home.regions[0].blocks[0].append(kernel)


def _constants_apart(module: Any) -> None:
    """Give every use of a constant vector a constant of its own: uses may be laid out otherwise,
    and layout propagation gives a value one layout."""
    found = [
        op
        for op in ir.operations(module, "arith.constant")
        if isinstance(op.results[0].type, mlir.VectorType)
    ]
    for constant in found:
        for use in list(constant.results[0].uses)[1:]:
            with mlir.InsertionPoint(constant):
                copy = constant.operation.clone()
            use.owner.operation.operands[use.operand_number] = copy.operation.results[0]


def _kernels(module: Any) -> Iterator[Any]:
    for operation in module.body.operations:
        if operation.operation.name == "gpu.module":
            for kernel in operation.operation.regions[0].blocks[0].operations:
                if kernel.operation.name == "gpu.func":
                    yield kernel.operation


def _has_tiles(kernel: Any) -> bool:
    found = False

    def visit(op: Any) -> Any:
        nonlocal found
        found = found or op.name.startswith("xegpu.")
        return mlir.WalkResult.INTERRUPT if found else mlir.WalkResult.ADVANCE

    kernel.walk(visit)
    return found
