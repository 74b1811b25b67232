"""Call or time a function of a built folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pharos.core.artifact import EntryPoint
from pharos.core.errors import UserError
from pharos.runtime.benchmark import Timing, summary
from pharos.runtime.runner import Bound, Runner
from pharos.tools.inputs import example, make_inputs, parse_inputs
from pharos.tools.launching.devices import open_device
from pharos.tools.launching.manifest import Manifest
from pharos.tools.values import Output, as_data, as_text, outputs


@dataclass(frozen=True)
class Wanted:
    """What to do with ``folder``: ``measured`` is (warm-up, runs), ``count`` how many elements of
    an array are printed, ``device`` the number of the device among its kind; ``target`` is what
    the folder is expected to be for, where that matters."""

    folder: Path
    inputs: str | None = None
    entry: str | None = None
    seed: int = 0
    measured: tuple[int, int] | None = None
    count: int = 10
    as_json: bool = False
    device: int = 0
    target: str | None = None


def launch(wanted: Wanted) -> None:
    """Run, and print what the function gives or how long it takes."""
    manifest = Manifest.read(wanted.folder)
    if wanted.target not in (None, manifest.target):
        raise UserError(
            f"{wanted.folder} was built for {manifest.target}, expected {wanted.target}",
            hint=f"build it again: pharos build FILE --target {wanted.target} -o DIR",
        )
    artifact = manifest.load(wanted.folder)
    device = open_device(manifest.target, wanted.device)
    runner = Runner(device, artifact)
    entry = runner.entry(wanted.entry or _only(artifact.entries))
    arguments = _arguments(wanted, manifest, entry)
    head: dict[str, Any] = {
        "folder": str(wanted.folder),
        "target": manifest.target,
        "device": device.driver.summary(),
        "entry": entry.name,
    }
    if wanted.measured is None:
        found = outputs(entry, arguments, runner.call(entry.name, *arguments))
        _print(wanted, head, found)
        return
    with runner.bind(entry.name, *_uploaded(device, arguments)) as bound:
        _print_timing(wanted, head, measure(device, bound, *wanted.measured))


def measure(device: Any, bound: Bound, warmup: int, runs: int) -> Timing:
    """Seconds of a run on the device's clock, from ``runs`` runs, each on its own."""
    for _ in range(warmup):
        bound.enqueue()
    device.synchronize()
    samples = []
    for _ in range(runs):
        start = device.default.record()
        bound.enqueue()
        samples.append(device.default.record().since(start) / 1e3)
    return summary(samples)


def _only(entries: tuple[EntryPoint, ...]) -> str:
    names = [entry.name for entry in entries]
    if "main" in names or len(names) == 1:
        return "main" if "main" in names else names[0]
    raise UserError(f"expected --entry with one of {', '.join(names)}")


def _arguments(wanted: Wanted, manifest: Manifest, entry: EntryPoint) -> list[Any]:
    """Arrays and numbers: files of the manifest, the others as ``--input`` describes them."""
    stored = manifest.arguments.get(entry.name, {})
    open_ones = [a for n, a in enumerate(entry.arguments) if n not in stored]
    rest = EntryPoint(entry.name, tuple(open_ones), entry.results)
    if wanted.inputs is None and open_ones:
        raise UserError(f"'{entry.name}' takes arguments, found no --input", hint=example(rest))
    items = parse_inputs(wanted.inputs) if wanted.inputs is not None else []
    given = iter(make_inputs(items, rest, wanted.seed))
    return [
        stored[number].array(wanted.folder) if number in stored else next(given)
        for number in range(len(entry.arguments))
    ]


def _uploaded(device: Any, arguments: list[Any]) -> list[Any]:
    return [device.upload(a) if isinstance(a, np.ndarray) else a for a in arguments]


def _print(wanted: Wanted, head: dict[str, Any], found: list[Output]) -> None:
    if wanted.as_json:
        data = [as_data(output, wanted.count) for output in found]
        print(json.dumps({**head, "outputs": data}, indent=2))
    elif found:
        print(as_text(found, wanted.count))


def _print_timing(wanted: Wanted, head: dict[str, Any], timing: Timing) -> None:
    if wanted.as_json:
        keys = ("min", "median", "iqr", "n")
        seconds = {key: getattr(timing, key) for key in keys}
        print(json.dumps({**head, "seconds": seconds}, indent=2))
    else:
        print(f"{head['entry']} on {head['device']}: {timing}")
