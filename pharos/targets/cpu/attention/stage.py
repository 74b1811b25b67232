"""The pipeline step: attentions become calls of kernel functions, shared by threads.

linalg.generic {call @pharos.softmax_weighted_sum(score(q * k), v, out)}
    ins(%q, %k, %v, %mask) outs(%out) attrs = {pharos.attention = {causal = 0}}
  ==>
parallel for lo in 0..items step chunk: call @attention_blocks(lo, lo + chunk, q, k, v, mask, out)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.core.errors import UserError
from pharos.ir import span_of
from pharos.ir.bindings import mlir
from pharos.targets.common.attention.site import SINK, AttentionSite, attention_sites
from pharos.targets.cpu.attention.launch import Launcher
from pharos.targets.cpu.attention.parameters import (
    DEEPEST,
    Tiles,
    Unit,
    default_tiles,
    multiply_unit,
    with_overrides,
)
from pharos.targets.cpu.attention.site import Plan
from pharos.targets.cpu.contractions.units import FMA


@dataclass(frozen=True)
class CpuAttention:
    """Lower attentions on memrefs to kernels with an online softmax.

    ``simd_bits`` and ``registers`` describe the vector unit; ``threads`` is how many share an
    attention. An operation's attribute ``pharos.params`` may set ``query_tile``, ``query_block``,
    ``key_tile``, ``key_splits`` and ``threads``. ``bf16_unit`` says what multiplies bf16 into sums
    of f32, as for contractions: "fma", "avx512-bf16" or "amx".
    """

    name: ClassVar[str] = "cpu-attention"
    simd_bits: int = 256
    registers: int = 16
    threads: int = 1
    bf16_unit: str = FMA.name

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place. UserError for an attention with a head size that is known
        only at run time."""
        with module.context, mlir.Location.unknown():
            known: dict[str, str] = {}
            for number, site in enumerate(list(attention_sites(module))):
                _check(site)
                operation = site.operation
                plan = Plan(site, self._tiles(site))
                name = f"{_owner(operation)}_attention{number}"
                with operation.location, mlir.InsertionPoint(operation):
                    Launcher(module, plan, name, known).write()
                operation.erase()
            _drop_sinks(module)
        return module

    def _tiles(self, site: AttentionSite) -> Tiles:
        unit = Unit(self.simd_bits, self.registers, self.threads, self.bf16_unit)
        depths = (site.sizes[site.dk] or 1, site.sizes[site.dv] or 1)
        rows, keys = site.sizes[site.m], site.sizes[site.n]
        stored = [operand.dtype for operand in (site.q, site.k, site.v)]
        multiply = multiply_unit(stored, rows, keys, depths, unit)
        tiles = default_tiles(rows, keys, depths, site.batches, unit, multiply)
        return with_overrides(tiles, site.params, depths, unit)


def _check(site: AttentionSite) -> None:
    """UserError unless the head sizes are known and not too large."""
    for depth in (site.sizes[site.dk], site.sizes[site.dv]):
        if depth is None or not 0 < depth <= DEEPEST:
            found = "one that is known only at run time" if depth is None else str(depth)
            raise UserError(
                f"expected an attention with head sizes from 1 to {DEEPEST}, found {found}",
                span=span_of(site.operation.location),
                hint="leave out the stage fuse-attention: other stages take the parts",
            )


def _owner(operation: Any) -> str:
    parent = operation.parent
    while parent is not None and parent.name != "func.func":
        parent = parent.parent
    return str(parent.attributes["sym_name"].value) if parent is not None else "kernel"


def _drop_sinks(module: Any) -> None:
    """Erase the declarations that attentions called: nobody calls them any more."""
    for operation in list(module.body.operations):
        if operation.operation.name == "func.func":
            name = operation.operation.attributes["sym_name"].value
            if name.startswith(SINK):
                operation.operation.erase()
