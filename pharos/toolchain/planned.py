"""What a payload will be compiled with: pipeline and parameters, each with where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pharos.core.errors import Note, UserError
from pharos.toolchain.keys import device_of
from pharos.toolchain.motifs import Facts, MotifParameter, decide, measured, split, write
from pharos.toolchain.plans import plan
from pharos.toolchain.records import Payload, Plan, Request
from pharos.toolchain.tables import target

VERSION = 1


@dataclass(frozen=True)
class Planned:
    """The pipeline for ``module``, and the parameters of its motifs by their keys."""

    payload: Payload
    request: Request
    module: Any
    pipeline: Any
    facts: Facts
    motifs: Mapping[str, tuple[MotifParameter, ...]]

    def write(self) -> None:
        """Write the motifs' parameters on their operations."""
        write(self.facts, self.motifs)

    def measured(self) -> dict[str, dict[str, int]]:
        """What the database has for each work that a selector spoke of."""
        return measured(device_of(self.request), [one.work for one in self.pipeline.motifs])

    def explain(self) -> str:
        """The stages with all values, and the motifs' parameters, each with its origin."""
        lines = [self.pipeline.explain()]
        if self.motifs:
            lines.append("parameters written on operations:")
        for key, parameters in self.motifs.items():
            lines.append(f"  {key}: {self.facts.by_key[key].describe()}")
            lines += [f"      {one}" for one in parameters]
            lines += [f"      why: {why}" for why in _reasons(parameters)]
        left = [one for one in self.facts.walk() if getattr(one, "obstacle", "")]
        lines += [f"left as it is written, {one.key}: {one.obstacle}" for one in left]
        misses = [miss for function in self.facts.functions for miss in function.misses]
        lines += [f"no attention: {miss}" for miss in misses]
        return "\n".join(lines)

    def yaml(self) -> str:
        """The plan as YAML that ``read_plan`` reads back."""
        from pharos import ir
        from pharos.pipeline.yaml_form import dump

        facts = target(self.request.target).facts()
        data = {
            "version": _bare(VERSION),
            "payload": {
                "name": self.payload.name,
                "fingerprint": ir.fingerprint(self.module),
            },
            "target": {"name": self.request.target, "facts": _plain(facts)},
            "pipeline": self._pipeline(),
            "parameters": {
                binding.parameter.name: _value(binding.value, self.origin(binding))
                for binding in self.pipeline.bindings
            },
            "functions": [self._function(function) for function in self.facts.functions],
        }
        return dump(data)

    def origin(self, binding: Any) -> str:
        """Where the value of a pipeline's parameter came from."""
        if binding.origin.kind == "selector":
            return f"selector {binding.origin.selector}"
        if binding.origin.kind != "caller":
            return str(binding.origin.kind)
        said = self.request.plan.parameters if self.request.plan else {}
        value, _ = said.get(binding.parameter.name, (None, None))
        return "plan" if value == binding.value else "user"

    def _pipeline(self) -> dict[str, Any]:
        if self.request.stages:
            stages: dict[str, Any] = {"stages": [str(s) for s in self.request.stages]}
        else:
            stages = {"name": _name(self.request)}
        return {**stages, "digest": digest_of(self.pipeline)}

    def _function(self, function: Any) -> dict[str, Any]:
        return {
            "name": function.name,
            "arguments": [str(one) for one in function.arguments],
            "results": [str(one) for one in function.results],
            "motifs": [self._motif(motif) for motif in function.motifs],
            **({"no-attention": [str(m) for m in function.misses]} if function.misses else {}),
        }

    def _motif(self, motif: Any) -> dict[str, Any]:
        data: dict[str, Any] = {"key": motif.key, "what": motif.describe()}
        if getattr(motif, "obstacle", ""):
            data["left-because"] = motif.obstacle
        if motif.place is not None and motif.place.file != "-":
            data["place"] = str(motif.place)
        parameters = self.motifs.get(motif.key, ())
        if parameters:
            data["parameters"] = {one.name: _value(one.value, one.origin) for one in parameters}
            data |= {"why": why} if (why := "; ".join(_reasons(parameters))) else {}
        if motif.parts():
            data["parts"] = [self._motif(part) for part in motif.parts()]
        return data


def planned(payload: Payload, module: Any, request: Request) -> Planned:
    """What ``request`` makes of ``module``, the module of ``payload``.

    Raises UserError, before any stage runs, for parameters that break a constraint, and for a plan
    of another payload, target or pipeline.
    """
    facts = Facts(module)
    if request.plan is not None:
        _check_payload(request.plan, module, facts)
    pipeline = plan(request, facts)
    if request.plan is not None and digest_of(pipeline) != request.plan.digest:
        raise UserError(
            f"{request.plan.file}: the files of the pipeline '{pipeline.name}' are not what they "
            "were when the plan was made",
            hint="make the plan again: pharos plan",
        )
    _, user = split(request.parameters)
    motifs = decide(pipeline.motifs, facts, user, request.plan, device_of(request))
    return Planned(payload, request, module, pipeline, facts, motifs)


def digest_of(pipeline: Any) -> str:
    """A hash of the files that declare ``pipeline``, wherever they lie."""
    files = {span.file for span in _spans(pipeline) if span is not None}
    hashes = sorted(
        hashlib.sha256(Path(file).read_bytes()).hexdigest()
        for file in files
        if Path(file).is_file()
    )
    hashes += [getattr(stage, "content", "") for stage in pipeline.stages]
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()[:16]


def _spans(pipeline: Any) -> Iterator[Any]:
    for stage in pipeline.stages:
        yield getattr(stage, "span", None)
        yield from getattr(stage, "includes", ())
    for binding in pipeline.bindings:
        yield binding.parameter.span


def _check_payload(said: Plan, module: Any, facts: Facts) -> None:
    """Raise UserError that names what differs unless ``module`` is what ``said`` was made for."""
    from pharos import ir

    found = ir.fingerprint(module)
    if found == said.fingerprint:
        return
    here = {m.key: f"{m.key}: {m.describe()}" for m in facts.walk()}
    there = {key: f"{key}: {work}" for key, work in said.works.items()}
    notes = [Note(f"only in the plan: {there[key]}") for key in there if key not in here]
    notes += [Note(f"only in the payload: {here[key]}") for key in here if key not in there]
    if not notes:
        prints = f"{said.fingerprint[:12]} in the plan and {found[:12]} here"
        notes = [Note(f"the motifs are the same; the fingerprints are {prints}")]
    raise UserError(
        f"{said.file}: the plan is for another payload, '{said.payload}'",
        notes=notes,
        hint="make a plan for this one: pharos plan",
    )


def _name(request: Request) -> str:
    """The pipeline's name, or its file as an absolute path."""
    name = request.pipeline or target(request.target).default_pipeline
    return str(Path(name).resolve()) if name.endswith((".yaml", ".yml")) else name


def _reasons(parameters: Sequence[MotifParameter]) -> list[str]:
    return list(dict.fromkeys(one.why for one in parameters if one.why))


def _value(value: Any, origin: str) -> Any:
    from pharos.pipeline.yaml_form import Inline, value_data

    return Inline({"value": value_data(value), "from": origin})


def _plain(facts: Any) -> dict[str, Any]:
    """The facts that are numbers or names."""
    from pharos.pipeline.yaml_form import value_data

    found = {one.name: getattr(facts, one.name) for one in fields(facts)}
    plain = {name: v for name, v in found.items() if isinstance(v, (int, str))}
    return {name: v if isinstance(v, str) else value_data(v) for name, v in plain.items()}


def _bare(number: int) -> Any:
    from pharos.pipeline.yaml_form import Bare

    return Bare(str(number))
