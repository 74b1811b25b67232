"""Compilation blocks (section 11 of the language reference): as data, and as pipelines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.lisp.grammar import MAP, SYMBOL, Grammar, form, literal, optional, some
from pharos.lisp.values import Bool, List, Map, Number, String, Symbol, Value, describe


@dataclass(frozen=True)
class PassUse:
    """One pass with its options, in the order and spelling of the pipeline text."""

    name: str
    options: tuple[tuple[str, str], ...]
    span: Span | None

    def __str__(self) -> str:
        inside = " ".join(f"{key}={value}" for key, value in self.options)
        return f"{self.name}{{{inside}}}" if inside else self.name


@dataclass(frozen=True)
class PassGroup:
    """Passes under one head: a target's name, or passes, func-passes, gpu-passes."""

    name: str
    passes: tuple[PassUse, ...]
    span: Span | None


@dataclass(frozen=True)
class CompilationBlock:
    """``kind`` is compilation, compilation-gpu or compilation-cpu.

    ``backend`` is what ``compilation-gpu`` names. The groups of ``compilation`` are its targets.
    """

    kind: str
    backend: str | None
    groups: tuple[PassGroup, ...]
    span: Span | None


@dataclass(frozen=True)
class PipelinePart:
    """A stretch of a pass pipeline in MLIR's text form, and where each of its passes is written."""

    text: str
    spans: tuple[Span | None, ...]


_PASS = form(literal(SYMBOL, "pass"), SYMBOL, optional(MAP), what="(pass name {options}?)")
_TARGETS = Grammar(
    some(
        "targets",
        form(
            literal(SYMBOL, "target"),
            SYMBOL,
            some("passes", _PASS),
            what="(target name (pass ...)...)",
        ),
    )
)
_GROUP = form(SYMBOL, some("passes", _PASS), what="a group like (passes (pass ...)...)")
_CPU = Grammar(some("groups", _GROUP))
_GPU = Grammar(SYMBOL, some("groups", _GROUP))
_GROUPS = ("passes", "func-passes", "gpu-passes")


def parse_compilation(block: List) -> CompilationBlock:
    """The block as data; UserError at the part that is not as it must be."""
    kind = block.head or ""
    if kind == "compilation":
        (targets,) = _TARGETS.parse(block, kind)
        groups = tuple(_group(name, passes) for _, name, passes in targets)
        return CompilationBlock(kind, None, groups, block.span)
    backend, groups_of = None, []
    if kind == "compilation-gpu":
        backend, groups_of = _GPU.parse(block, kind)
    else:
        (groups_of,) = _CPU.parse(block, kind)
    for name, _ in groups_of:
        _check_group(kind, name)
    return CompilationBlock(
        kind,
        backend.text if backend is not None else None,
        tuple(_group(name, passes) for name, passes in groups_of),
        block.span,
    )


def _check_group(kind: str, name: Symbol) -> None:
    if name.text not in _GROUPS:
        raise UserError(
            f"invalid pass group '{name.text}': expected {', '.join(_GROUPS)}", span=name.span
        )
    if kind == "compilation-cpu" and name.text == "gpu-passes":
        raise UserError("gpu-passes not allowed in compilation-cpu", span=name.span)


def _group(name: Symbol, passes: list[list[Any]]) -> PassGroup:
    uses = tuple(PassUse(pass_.text, _options(options), pass_.span) for _, pass_, options in passes)
    return PassGroup(name.text, uses, name.span)


def _options(options: Map | None) -> tuple[tuple[str, str], ...]:
    if options is None:
        return ()
    return tuple((key, _option(value)) for key, value in options.entries.items())


def _option(value: Value) -> str:
    if isinstance(value, String):
        return value.value
    if isinstance(value, Symbol):
        return value.text
    if isinstance(value, Bool):
        return "true" if value.value else "false"
    if isinstance(value, Number):
        whole = value.value == int(value.value)
        return str(int(value.value)) if whole else repr(value.value)
    raise UserError(
        f"invalid pass option: expected a string, number, symbol or boolean, got {describe(value)}",
        span=value.span,
    )


# ---------------------------------------------------------------------------------------------
# Pipelines

# Passes of (compilation ...) that run on functions, each in a nest of its own.
_ON_FUNCTIONS = frozenset(
    {
        "gpu-map-parallel-loops",
        "scf-parallel-loop-tiling",
        "convert-linalg-to-affine-loops",
        "affine-loop-tile",
        "affine-parallelize",
        "convert-affine-for-to-gpu",
    }
)
# Passes of (compilation ...) that run on GPU modules, together where the first of them stands.
_ON_GPU_MODULES = frozenset({"convert-gpu-to-rocdl", "convert-gpu-to-nvvm"})


def chosen_block(blocks: Sequence[CompilationBlock]) -> CompilationBlock | None:
    """The block that counts: the first for a GPU, else for the CPU, else the first; else None."""
    for kind in ("compilation-gpu", "compilation-cpu", "compilation"):
        for block in blocks:
            if block.kind == kind:
                return block
    return None


def backends(block: CompilationBlock) -> tuple[str, ...]:
    """The targets that ``block`` says how to compile for."""
    if block.kind == "compilation":
        return tuple(group.name for group in block.groups)
    return (block.backend or "cpu",)


def pipeline(block: CompilationBlock, backend: str) -> list[PipelinePart]:
    """The passes of ``block`` for ``backend``, one of ``backends(block)``, nested as they run."""
    if block.kind == "compilation":
        passes = next(group.passes for group in block.groups if group.name == backend)
        return list(_placed([(_nest_of(one), one) for one in passes]))
    nested = [(_NESTS[group.name], one) for group in block.groups for one in group.passes]
    if block.kind == "compilation-gpu":
        return list(_placed(nested))
    on_functions = [one for nest, one in nested if nest]
    first = [_part("func.func", on_functions)] if on_functions else []
    return [*first, *(_part("", [one]) for nest, one in nested if not nest)]


_NESTS = {"passes": "", "func-passes": "func.func", "gpu-passes": "gpu.module"}


def _nest_of(one: PassUse) -> str:
    if one.name in _ON_GPU_MODULES:
        return "gpu.module"
    return "func.func" if one.name in _ON_FUNCTIONS else ""


def _placed(passes: Sequence[tuple[str, PassUse]]) -> Iterator[PipelinePart]:
    """Passes in their order, those on GPU modules together at the place of the first."""
    on_gpu = [one for nest, one in passes if nest == "gpu.module"]
    for nest, one in passes:
        if nest != "gpu.module":
            yield _part(nest, [one])
        elif one is on_gpu[0]:
            yield _part(nest, on_gpu)


def _part(nest: str, passes: Sequence[PassUse]) -> PipelinePart:
    text = ",".join(map(str, passes))
    return PipelinePart(f"{nest}({text})" if nest else text, tuple(one.span for one in passes))
