"""The pipeline step: attention of f16 and bf16 becomes XeGPU kernels.

    linalg.generic {pharos.attention} ins(%q, %k, %v) outs(%o)
      ==>
    gpu.launch_func @kernels::@attention_0 blocks in (ceil(m / rows), splits, batch)

What dpas does not take is left for the stages that follow. What block operations cannot reach of
Q, K and V is copied before; where splits share the keys, the operations that join what they found
follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import CompileError, span_of
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.site import AttentionSite, attention_sites
from pharos.targets.common.gpu.kernels import launched
from pharos.targets.xegpu.attention.ending import Partial, store, store_partial
from pharos.targets.xegpu.attention.joining import join, partial_buffers
from pharos.targets.xegpu.attention.kernel import attend
from pharos.targets.xegpu.attention.place import Place
from pharos.targets.xegpu.attention.problem import Problem, reachable, read_problem
from pharos.targets.xegpu.attention.reach import objection
from pharos.targets.xegpu.attention.tiles import NAMES, Tiles, default_tiles, problems
from pharos.targets.xegpu.facts import CHIPS, DEFAULT


@dataclass(frozen=True)
class XeGpuAttention:
    """Write attention of 16-bit types as kernels at workgroup level for ``chip``.

    An operation's attribute ``pharos.params`` may set the names of ``tiles.Tiles``.
    """

    name: ClassVar[str] = "xegpu-attention"
    chip: str = DEFAULT

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place. CompileError at an attention with illegal parameters."""
        with module.context, mlir.Location.unknown():
            for site in list(attention_sites(module)):
                problem = _read(site)
                if problem is not None:
                    _replace(problem, self._tiles(problem))
        return module

    def _tiles(self, problem: Problem) -> Tiles:
        facts, params = CHIPS[self.chip], problem.site.params
        values = default_tiles(problem.m, problem.dk, problem.dv, facts).values()
        values.update(params)
        broken = problems(values, problem.dk, problem.dv, facts)
        if broken:
            raise _refused(problem.site, broken)
        return Tiles(**{name: values[name] for name in NAMES})


def _read(site: AttentionSite) -> Problem | None:
    """``site`` as matrices; None for one that is left to ``xegpu-attention-multiply-adds``."""
    dtypes = [operand.dtype for operand in site.operands]
    return read_problem(site) if objection(site.sizes, dtypes) is None else None


def _refused(site: AttentionSite, broken: list[str]) -> CompileError:
    error = CompileError(
        "no kernel can have these tiles: " + "; ".join(broken),
        span=span_of(site.operation.location),
        hint="leave the parameters out: a selector finds some for every size",
    )
    error.operation = site.operation.name
    return error


def _replace(problem: Problem, tiles: Tiles) -> None:
    anchor = problem.site.operation.operation
    partial = None
    with anchor.location, mlir.InsertionPoint(anchor):
        problem, made = reachable(problem)
        if tiles.splits > 1:
            partial = partial_buffers(problem, tiles.splits)
            made += [matrix.buffer for matrix in partial.matrices]
    _launch(problem, tiles, partial)
    with anchor.location, mlir.InsertionPoint(anchor):
        if partial is not None:
            made += join(problem, partial)
        for buffer in made:
            dialect("memref").DeallocOp(buffer)
    anchor.erase()


def _launch(problem: Problem, tiles: Tiles, partial: Partial | None) -> None:
    anchor, hosts = problem.site.operation.operation, _operands(problem, partial)
    batch = 1
    for size in problem.batch_sizes:
        batch *= size
    grid = (-(-problem.m // tiles.rows), tiles.splits, batch)
    with launched(anchor, "attention", hosts, grid=grid, block=(tiles.subgroups * 16,)) as kernel:
        place = Place(problem, tiles, dict(zip(hosts, kernel.arguments, strict=True)))
        running = attend(place)
        if partial is None:
            store(place, running)
        else:
            store_partial(place, running, partial)


def _operands(problem: Problem, partial: Partial | None) -> list[Any]:
    """The host's values that the kernel needs: buffers, and scalars that are no constants."""
    score = problem.site.score
    written = [problem.out] if partial is None else list(partial.matrices)
    read = [problem.q, problem.k, problem.v, *(problem.extras[n] for n in score.used)]
    found = [matrix.buffer for matrix in (*read, *written)]
    return list(dict.fromkeys([*found, *score.outside]))
