"""What ``pharos sim`` does: open the simulated device with its options, call, and take notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos import toolchain
from pharos.core import settings
from pharos.core.artifact import Artifact
from pharos.core.errors import UserError
from pharos.runtime import Runner
from pharos.targets.common.gpu.engine import Traced
from pharos.tools.calling import Call, choose_entry
from pharos.tools.values import Output, as_data


@dataclass(frozen=True)
class How:
    """How to simulate; None where the environment's switches say."""

    order: str | None
    effects: str | None
    checks: bool
    traced: Traced | None = None


@dataclass(frozen=True)
class Run:
    """The launches in order with their milliseconds, and what the function gave."""

    launches: list[tuple[Any, float]]
    outputs: list[Output]


def target(name: str | None) -> str:
    """``name``, or the first simulated target. UserError for one that is not simulated."""
    twins = [twin for known in toolchain.TARGETS if (twin := toolchain.simulated(known))]
    chosen = name or twins[0]
    if not getattr(toolchain.target(chosen), "simulated", False):
        raise UserError(
            f"expected a simulated target, found '{chosen}'",
            hint=f"simulated are {', '.join(twins)}",
        )
    return chosen


def run(
    file: str, artifact: Artifact, how: How, entry: str | None, inputs: str | None, seed: int
) -> Run:
    """Call the function ``entry`` (default: main or the only one) with described ``inputs``."""
    launches: list[tuple[Any, float]] = []
    device = toolchain.target(artifact.target).open_device()
    simulation = device.simulation
    simulation.order = _checked(settings.SIM_ORDER, how.order, simulation.order)
    simulation.effects = _checked(settings.SIM_EFFECTS, how.effects, simulation.effects)
    simulation.checks = simulation.checks if how.checks else "none"
    simulation.traced = how.traced
    simulation.watch = lambda launch, seconds: launches.append((launch, seconds * 1e3))
    name = entry or choose_entry(artifact, file, lisp=False)
    call = Call.of(Runner(device, artifact), name, inputs, seed)
    return Run(launches, call.run())


def traced(kernel: str | None, block: str, thread: str) -> Traced:
    """The thread to trace. UserError for places that are not one to three numbers."""
    return Traced(kernel or "", _three("--block", block), _three("--thread", thread))


def trace_text(found: Traced) -> str:
    """What the thread executed, a line for each instruction."""
    lines = [*map(str, found.steps)]
    if found.missed:
        lines.append(f"... and {found.missed} more")
    return "\n".join(lines) + "\n"


def check_traced(wanted: Traced | None) -> None:
    """Raise UserError when the thread that was to be traced never ran."""
    if wanted is not None and not wanted.done:
        what = f"no kernel '{wanted.kernel}' was launched" if wanted.kernel else "nothing ran"
        raise UserError(f"--trace: {what}", hint="without --kernel the first one is traced")


def _three(option: str, text: str) -> tuple[int, int, int]:
    words = text.split(",")
    if not all(word.strip().isdigit() for word in words) or len(words) > 3:
        raise UserError(f"{option}: expected one to three numbers such as 3,0,0, found '{text}'")
    x, y, z = ([int(word) for word in words] + [0, 0])[:3]
    return x, y, z


def document(file: str, name: str, run: Run, count: int) -> dict[str, Any]:
    """All of it as plain data."""
    return {
        "program": file,
        "target": name,
        "launches": [
            {
                "kernel": launch.kernel,
                "grid": list(launch.grid),
                "block": list(launch.block),
                "shared": launch.shared,
                "place": launch.place,
                "milliseconds": milliseconds,
            }
            for launch, milliseconds in run.launches
        ],
        "outputs": [as_data(output, count) for output in run.outputs],
    }


def _checked(setting: Any, given: str | None, default: str) -> str:
    if given is None:
        return default
    try:
        word: str = setting.parse(given)
    except ValueError:
        raise UserError(f"expected {setting.expects}, found '{given}'") from None
    return word
