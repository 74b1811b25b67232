"""What pharos attention does: plan and code of one attention, its check, its time."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import Any

from pharos.core.errors import InternalError, UserError
from pharos.tools import apart
from pharos.tools.attention_stages import label_of
from pharos.tools.console import print_json, remark
from pharos.tools.options import Stages


@dataclasses.dataclass(frozen=True)
class Attending:
    """One attention, ``kind`` (a builder of ``pharos.ingress.payloads``), with what was asked."""

    kind: Any
    stages: Stages
    dumped: tuple[str, ...]
    folder: Path
    seed: int
    magnitude: float

    @cached_property
    def payload(self) -> Any:
        """The payload. UserError for options that do not go together."""
        from pharos.toolchain import builder_payload

        return builder_payload("attention", **dataclasses.asdict(self.kind))

    @cached_property
    def built(self) -> Any:
        """Its code, and what was dumped on the way."""
        labels = [self._label(name) for name in self.dumped]
        if None in labels:
            _write(self.folder / "initial.mlir", self._initial())
        wanted = [label for label in labels if label is not None]
        stages = dataclasses.replace(
            self.stages, dump_after=wanted or None, dump_dir=self.folder if wanted else None
        )
        return apart.build(self.payload, stages.request())

    def _label(self, name: str) -> str | None:
        from pharos import toolchain

        pipeline = toolchain.plan(self.stages.request())
        return label_of(name, self.stages.target, pipeline.stages)

    def _initial(self) -> str:
        from pharos import ir

        return str(ir.to_text(self.payload.module()))

    def stop(self, name: str) -> None:
        """Print the module at the stage ``name``."""
        label = self._label(name)
        if label is None:
            print(self._initial(), end="")
            return
        request = dataclasses.replace(self.stages, stop_after=label).request()
        print(apart.lower(self.payload, request).text, end="")

    def compiled(self) -> dict[str, Any]:
        """Compile; what the plan says of the attention."""
        from pharos import toolchain

        planned = toolchain.make_plan(self.payload, self.stages.request())
        (motif,) = (m for m in planned.facts.walk() if m.kind == "attention")
        parameters = planned.motifs.get(motif.key, ())
        for path in self.built.dumps:
            remark(f"wrote {path}")
        return {
            "attention": motif.describe(),
            "target": self.stages.target,
            "fused": bool(parameters),
            "parameters": {one.name: one.value for one in parameters},
            "why": "; ".join(dict.fromkeys(one.why for one in parameters if one.why)),
        }

    @cached_property
    def arrays(self) -> list[Any]:
        """The arguments."""
        from pharos.ingress.payloads.attention_reference import inputs

        return inputs(self.kind, self.seed, self.magnitude)

    def checked(self) -> dict[str, Any]:
        """The largest error and the bound. InternalError when the result is outside of it."""
        import numpy as np

        from pharos.ingress.payloads.attention_reference import bound, expected
        from pharos.toolchain import load

        result = load(self.built.artifact).call("attention", *self.arrays)
        found, wanted = np.asarray(result).astype(np.float64), expected(self.kind, self.arrays)
        empty = np.isnan(wanted)
        error = float(np.abs(found - wanted)[~empty].max(initial=0.0))
        most = bound(self.kind, self.arrays)
        if (np.isnan(found) != empty).any() or not error <= most:
            raise InternalError(
                f"the result is wrong: the largest error is {error:.3g}, expected {most:.3g} at "
                f"most, and {int((np.isnan(found) != empty).sum())} NaN where there should be none"
            )
        rows = int(empty.any(axis=-1).sum())
        return {"error": error, "bound": most, "rows_without_keys": rows}

    def timed(self) -> dict[str, Any]:
        """Seconds per call, and floating-point operations on keys that are seen."""
        from pharos.runtime.benchmark import benchmark
        from pharos.toolchain import load
        from pharos.toolchain.tables import target

        if not target(self.stages.target).timed:
            raise UserError(
                f"--benchmark: times on {self.stages.target} say nothing about a GPU",
                hint="leave --benchmark out, or take a target whose device is there",
            )
        with load(self.built.artifact).bind("attention", *self.arrays) as bound:
            timing = benchmark(bound)
        flops = seen_flops(self.kind)
        return {"seconds": timing.median, "time": str(timing), "gflops": flops / timing.min / 1e9}

    def tell(self, found: dict[str, Any], as_json: bool) -> None:
        """Print what was found."""
        if as_json:
            print_json(found)
            return
        print(f"attention on {found['target']}: {found['attention']}")
        values = ", ".join(f"{name} = {value}" for name, value in found["parameters"].items())
        print(
            f"fused: {values}" if found["fused"] else "not fused: this target has no kernel for it"
        )
        if found["why"]:
            print(f"why: {found['why']}")
        if "error" in found:
            print(f"right: largest error {found['error']:.2g}, at most {found['bound']:.2g}")
        if "time" in found:
            print(f"time: {found['time']}, {found['gflops']:.1f} GFLOP/s at best")


def seen_flops(kind: Any) -> int:
    """Floating-point operations of both products, on the keys that a causal mask lets be seen."""
    keys = kind.keys or kind.queries
    pairs = kind.queries * keys
    if kind.causal:
        last = range(keys - kind.queries + 1, keys + 1)
        pairs = sum(min(one, kind.window or one) for one in last)
    return 2 * kind.batch * kind.heads * pairs * (kind.depth + (kind.value_depth or kind.depth))


def _write(path: Path, text: str) -> None:
    from pharos.pipeline.dumps import write_text

    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    remark(f"wrote {path}")
