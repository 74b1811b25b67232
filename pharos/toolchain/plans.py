"""From a request to a pipeline with all its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pharos.core.errors import UserError
from pharos.toolchain.motifs import split
from pharos.toolchain.records import Payload, Request
from pharos.toolchain.tables import backend_names, registry, simulated, target


def plan(request: Request, facts: Any = None) -> Any:
    """The pipeline that ``request`` asks for, with all parameters filled in.

    ``facts`` are those of the payload; without them nothing is chosen for its motifs.
    """
    from pharos.pipeline import Descriptor, flatten, load_descriptor, parse_stage

    request = replayed(request)
    chosen = target(request.target)
    table = registry(request.target)
    if request.stages:
        declared = tuple(parse_stage(s) if isinstance(s, str) else s for s in request.stages)
        descriptor = Descriptor("command line", declared)
    else:
        descriptor = load_descriptor(request.pipeline or chosen.default_pipeline, table)
    own, _ = split(request.parameters)
    return flatten(
        descriptor,
        own,
        table,
        payload_facts=lambda: facts,
        target_facts=chosen.facts(),
    )


def replayed(request: Request) -> Request:
    """``request`` with what its plan says: target, stages, parameters that it does not give itself.

    Raises UserError where it contradicts the plan.
    """
    said = request.plan
    if said is None:
        return request
    named = request.pipeline not in (None, said.pipeline)
    if named or (request.stages and tuple(map(str, request.stages)) != said.stages):
        raise UserError(
            f"expected a plan or a pipeline, found both: {said.file} says what to run",
            hint="a parameter may be given beside a plan, and wins",
        )
    if request.target != said.target:
        raise UserError(
            f"{said.file}: the plan is for the target {said.target}, found {request.target}"
        )
    values = {name: value for name, (value, _) in said.parameters.items()}
    parameters = {**values, **request.parameters}
    return replace(request, pipeline=said.pipeline, stages=said.stages, parameters=parameters)


def settled(payload: Payload, request: Request) -> Request:
    """``request``, with the program's own passes where it names no pipeline.

    Raises UserError at the block with them when it has none for the target, or when there is no
    such target yet.
    """
    request = replayed(request)
    if not payload.compilation or request.pipeline is not None or request.stages:
        return request
    from pharos.lisp.compilation import backends, chosen_block, pipeline

    chosen = target(request.target)
    backend = getattr(chosen, "backend", "")
    fitting = [block for block in payload.compilation if backend in backends(block)]
    block: Any = chosen_block(fitting or payload.compilation)
    known = backends(block)
    if backend not in known:
        raise UserError(
            f"the compilation block is for {', '.join(known)}; found the target {request.target}"
            + (f", which blocks call {backend}" if backend else ""),
            span=block.span,
            hint=_other_ways(known, chosen),
        )
    own = [stage_of(part) for part in pipeline(block, backend)]
    # A block for the CPU alone says what to do before the usual passes.
    usual = [f"include: {chosen.default_pipeline}"] if block.kind == "compilation-cpu" else []
    return replace(request, stages=(*chosen.completed(own), *usual))


def _other_ways(known: Sequence[str], chosen: Any) -> str:
    """How else a program can run whose blocks are for the backends ``known``."""
    others = [name for name, backend in backend_names().items() if backend in known]
    twins = [f"--target {simulated(name) or name}" for name in others]
    instead = f"a pipeline that is named takes its place: --pipeline {chosen.default_pipeline}"
    return f"run it with {' or '.join(twins)}; {instead}" if twins else instead


def stage_of(part: Any) -> Any:
    """The stage that a part of a compilation block is, its passes with their places."""
    from pharos.pipeline import Options, parse_stage

    spans = iter(part.spans)

    def placed(one: Any) -> Any:
        nested = tuple(map(placed, one.nested))
        span = nested[0].span if nested else next(spans)
        options = Options(one.options, spans=dict.fromkeys(one.options, span))
        return replace(one, nested=nested, options=options, span=span)

    stage: Any = parse_stage(f"pass: {part.text}")
    return replace(stage, passes=tuple(map(placed, stage.passes)), span=part.spans[0])
