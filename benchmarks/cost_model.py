"""Does the cost model of contractions choose well?

    python benchmarks/cost_model.py [--shapes 200] [--json cost-model.json] [--work DIR]
                                    [--step compile|measure|report] [--seconds 60] [--rounds 7]
                                    [--most 268435456] [--again]

Shapes are matrix products and convolutions, odd ones among them, the same in every run. Each is
compiled as the selector chooses, and with other blocks; every result is checked against numpy,
from a poisoned output. Candidates of a shape are timed in turns, each at its minimum. Printed are
the time of the choice against the best candidate, and the rank correlation of estimates and times.

A run goes on where the last one ended: code is kept under ``--work``, times in the JSON. Compiling
needs no quiet machine, so ``--step`` does one thing alone; ``--seconds`` ends measuring after a
while. The code of another version of the kernels is made again; when the model chooses otherwise
than before, its choice joins the candidates, and the shape is timed again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from contraction_programs import ConvolutionShape, einsum_program, einsum_shapes

from pharos import toolchain
from pharos.core import settings
from pharos.params.blocking import Blocks, Unit, cycles
from pharos.params.contractions import NAMES, best_blocks, extents_of
from pharos.payload import inspect_payload
from pharos.runtime import ArtifactStore
from pharos.targets.cpu import contractions

SEED = 8
LEAST_SECONDS = 0.03  # of turns for each candidate: short ones need many
# Multiplications of a shape: enough to time, few enough for many turns.
LEAST, MOST = 1 << 18, 1 << 28
OTHERS: list[dict[str, int]] = [
    {"mr": 4}, {"mr": 6}, {"mr": 8}, {"vectors": 1}, {"mr": 6, "vectors": 4},
    {"kc": 128}, {"kc": 256}, {"kc": 1024}, {"mr": 8, "kc": 384}, {"vectors": 2}, {"vectors": 3},
]  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """One contraction: its name, program, the shapes of its arrays, and what computes it."""

    name: str
    text: str
    shapes: list[tuple[int, ...]]
    reference: Callable[[Any, Any], Any]


def shapes(count: int, most: int = MOST) -> list[Shape]:
    """The first ``count`` shapes of at most ``most`` multiplications, two products for each
    convolution."""
    source, limits = random.Random(SEED), (min(LEAST, most // 64), most)
    found: list[Shape] = []
    while len(found) < count:
        make = _convolution if len(found) % 3 == 2 else _product
        one = make(source, limits)
        if one is not None and one.name not in {other.name for other in found}:
            found.append(one)
    return found


def _size(source: random.Random, least: int, most: int) -> int:
    """A size, small ones as likely as large ones, half of them round."""
    size = round(least * (most / least) ** source.random())
    step = source.choice([1, 1, 8, 32])
    return max(least, size // step * step)


def _product(source: random.Random, limits: tuple[int, int]) -> Shape | None:
    spec = source.choice(["mk,kn->mn", "mk,kn->mn", "mk,nk->mn", "km,kn->mn", "bmk,bkn->bmn"])
    sizes = {letter: _size(source, 4, 6000) for letter in "mnk"}
    if "b" in spec:
        sizes["b"] = _size(source, 2, 64)
    if not limits[0] <= float(np.prod([float(n) for n in sizes.values()])) <= limits[1]:
        return None
    ins = spec.split("->")[0].split(",")
    flip = [side[-2:] in ("km", "nk") for side in ins]

    def reference(a: Any, b: Any) -> Any:
        return (a.T if flip[0] else a) @ (b.T if flip[1] else b)

    name = f"{spec} {'x'.join(str(sizes[x]) for x in 'bmnk' if x in sizes)}"
    return Shape(name, einsum_program(spec, sizes), einsum_shapes(spec, sizes), reference)


def _convolution(source: random.Random, limits: tuple[int, int]) -> Shape | None:
    rank = source.choice([1, 2, 2, 2, 2, 3])
    window = source.choice([1, 3, 3, 3, 5, 7])
    groups = source.choice([1, 1, 1, 1, 1, 2, 4])
    sizes = tuple(_size(source, 6, (0, 4000, 120, 32)[rank]) for _ in range(rank))
    if source.random() < 0.7:
        sizes = (sizes[0],) * rank
    one = ConvolutionShape(
        _size(source, 1, 16),
        groups * _size(source, 1, 512 // groups),
        sizes,
        groups * _size(source, 4, 512 // groups),
        (window,) * rank,
        source.choice([1, 1, 1, 2]),
        source.choice([1, 1, 1, 1, 2]),
        groups,
    )
    if min(one.outs) < 1:
        return None
    work = float(np.prod(one.shapes[2])) * float(np.prod(one.shapes[1][2:]))
    elements = max(float(np.prod(shape)) for shape in one.shapes)
    if not limits[0] <= work <= limits[1] or elements > 1 << 24:
        return None
    name = f"conv{rank}d {one.images}x{one.channels}x{'x'.join(map(str, one.sizes))}"
    name += f" f{one.features} k{window} s{one.stride} d{one.dilation} g{groups}"
    return Shape(name, one.program(), one.shapes, lambda a, b: _convolved(one, a, b))


def _convolved(shape: ConvolutionShape, image: Any, filters: Any) -> Any:
    """The convolution, as a product for every element of the window."""
    result = np.zeros(shape.shapes[2], np.float32)
    for place in np.ndindex(*shape.window):
        at = [p * shape.dilation for p in place]
        taken = tuple(
            slice(a, a + (out - 1) * shape.stride + 1, shape.stride)
            for a, out in zip(at, shape.outs, strict=True)
        )
        part = image[(slice(None), slice(None), slice(None), *taken)]
        flat = part.reshape(*part.shape[:3], -1)
        result += (filters[(..., *place)] @ flat).reshape(result.shape)
    return result


def model(shape: Shape) -> tuple[Any, Any, Unit]:
    """The motif of ``shape``, its extents, and the unit that the selector computes with."""
    module = toolchain.mlir_payload(shape.text).module()
    (motif,) = (
        m for m in inspect_payload(module).walk() if m.kind in ("contraction", "convolution")
    )
    unit = Unit.of(toolchain.target("cpu").facts(), 32, settings.THREADS.get())
    return motif, extents_of(motif), unit


def candidates(extents: Any, unit: Unit, row: dict[str, Any] | None) -> list[Blocks]:
    """The model's choice first, then others without those that are the same: those that have been
    measured, ``row``, or what the model chooses around some given values."""
    found = [best_blocks(extents, unit)]
    if row is not None:
        known = [Blocks(*(one[name] for name in NAMES)) for one in row["candidates"]]
        return list(dict.fromkeys([*found, *known]))
    for change in OTHERS:
        fixed = {name: value for name, value in change.items() if name != "vectors"}
        if "vectors" in change:
            fixed["nr"] = change["vectors"] * unit.lanes
        legal = fixed.get("mr", 1) <= min(unit.lanes, extents.rows)
        if legal and fixed.get("kc", 1) <= extents.inner:
            found.append(best_blocks(extents, unit, fixed))
    return list(dict.fromkeys(found))


def key(shape: Shape, blocks: Blocks) -> str:
    """The name of the code of ``shape`` with ``blocks``, by this version of the kernels."""
    folder = Path(contractions.__file__).parent
    parts = [path.read_text() for path in sorted(folder.glob("*.py"))]
    parts += [shape.text, str(asdict(blocks)), str(settings.THREADS.get())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def compile_one(number: int, most: int, blocks: Blocks, work: Path) -> None:
    """Compile shape ``number`` with ``blocks``, check it, and keep its code. Runs in a child."""
    shape = shapes(number + 1, most)[number]
    motif, _, _ = model(shape)
    parameters = {f"{motif.key}.{name}": getattr(blocks, name) for name in NAMES}
    # The program's own cache would grow with code that nobody asks for again.
    with settings.scope(CACHE=work / "program"):
        payload = toolchain.mlir_payload(shape.text)
        artifact = toolchain.compile(payload, toolchain.Request(parameters=parameters))
    inputs = arrays(shape)
    result = np.full(shape.shapes[2], np.nan, np.float32)
    toolchain.load(artifact).call("f", *inputs, result)
    expected = shape.reference(*inputs)
    error = np.abs(result - expected).max() / np.abs(expected).max()
    if not error < 1e-4:
        raise ValueError(f"{shape.name}, {blocks}: wrong result, relative error {error}")
    ArtifactStore(work).put(key(shape, blocks), artifact)


def compile_all(found: list[Shape], most: int, work: Path, file: Path) -> None:
    """Compile what is missing, in a child process: what ends it costs one candidate."""
    pool, known = _pool(), read(file)
    for number, shape in enumerate(found):
        _, extents, unit = model(shape)
        for blocks in candidates(extents, unit, known.get(shape.name)):
            if ArtifactStore(work).get(key(shape, blocks)) is not None:
                continue
            try:
                pool.submit(compile_one, number, most, blocks, work).result()
            except BrokenProcessPool:
                print(f"{shape.name}, {blocks}: the compiler ended", flush=True)
                pool = _pool()
        if number % 20 == 19:
            print(f"compiled {number + 1} of {len(found)}", flush=True)
    pool.shutdown()


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def arrays(shape: Shape) -> list[Any]:
    """The factors."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s, dtype=np.float32) for s in shape.shapes[:2]]


def measure(
    shape: Shape, work: Path, rounds: int, row: dict[str, Any] | None
) -> dict[str, Any] | None:
    """The least seconds of each candidate of ``shape``; None when the choice is not compiled."""
    _, extents, unit = model(shape)
    kept = [(b, ArtifactStore(work).get(key(shape, b))) for b in candidates(extents, unit, row)]
    if kept[0][1] is None:
        return None
    inputs, result = arrays(shape), np.empty(shape.shapes[2], np.float32)
    ready = [(b, toolchain.load(a).bind("f", *inputs, result)) for b, a in kept if a is not None]
    best = [float("inf")] * len(ready)
    turn, end = 0, time.monotonic() + LEAST_SECONDS * len(ready)
    while turn <= rounds or time.monotonic() < end:
        for number, (_, function) in enumerate(ready):
            start = time.perf_counter()
            function()
            taken = time.perf_counter() - start
            if turn:
                best[number] = min(best[number], taken)
        turn += 1
    before = {one["key"]: one["seconds"] for one in (row or {}).get("candidates", [])}
    rows = []
    for (blocks, _), seconds in zip(ready, best, strict=True):
        name = key(shape, blocks)
        least = min(seconds, before.get(name, seconds))
        rows.append({**asdict(blocks), "key": name, "seconds": least})
    return {"name": shape.name, "candidates": rows}


def measure_all(
    found: list[Shape], work: Path, file: Path, rounds: int, seconds: float, again: bool
) -> None:
    """Measure what is not measured yet, or everything ``again``, until ``seconds`` have passed."""
    known, end = read(file), time.monotonic() + seconds
    for shape in found:
        if time.monotonic() > end:
            break
        if again or not _measured(shape, known):
            row = measure(shape, work, rounds, known.get(shape.name))
            if row is not None:
                known[shape.name] = row
                write(file, known)


def _measured(shape: Shape, known: dict[str, Any]) -> bool:
    """Whether all candidates of ``shape`` that are compiled now have a time."""
    row = known.get(shape.name)
    times = {one["key"] for one in (row or {}).get("candidates", [])}
    _, extents, unit = model(shape)
    keys = {key(shape, blocks) for blocks in candidates(extents, unit, row)}
    return keys <= times


def read(file: Path) -> dict[str, Any]:
    """The measurements of ``file`` by name."""
    if not file.exists():
        return {}
    return {row["name"]: row for row in json.loads(file.read_text())}


def write(file: Path, known: dict[str, Any]) -> None:
    """All measurements, whole at any time."""
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(json.dumps(list(known.values()), indent=1))
    os.replace(partial, file)


def ranks(values: list[float]) -> Any:
    """The rank of each value; equal ones share theirs."""
    found = np.asarray(values)
    return np.array([(found < v).sum() + ((found == v).sum() - 1) / 2 for v in found])


def judged(found: list[Shape], known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Of each measured shape, how the model of today does."""
    for shape in found:
        times = {
            tuple(one[name] for name in NAMES): one["seconds"]
            for one in known.get(shape.name, {}).get("candidates", [])
        }
        _, extents, unit = model(shape)
        choice = best_blocks(extents, unit)
        chosen = times.get(tuple(getattr(choice, name) for name in NAMES))
        if chosen is None:
            continue
        estimates = [cycles(extents, Blocks(*blocks), unit) for blocks in times]
        best = min(times, key=lambda blocks: times[blocks])
        loss = chosen / times[best] - 1
        spread = len(set(times.values())) > 1 and len(set(estimates)) > 1
        rank = np.corrcoef(ranks(estimates), ranks(list(times.values())))[0, 1] if spread else 1.0
        yield {
            "name": shape.name,
            "loss": loss,
            "rank": float(rank),
            "choice": choice,
            "best": Blocks(*best),
            "worst": max(times.values()) / times[best],
            "ms": 1e3 * chosen,
            "candidates": len(times),
        }


def report(found: list[Shape], file: Path, worst: int) -> None:
    """Print what was found."""
    rows = list(judged(found, read(file)))
    for kind in ("product", "convolution", "all"):
        some = [
            r for r in rows if kind == "all" or r["name"].startswith("conv") == (kind[0] == "c")
        ]
        if not some:
            continue
        losses = sorted(r["loss"] for r in some)
        tail = losses[min(len(losses) - 1, int(0.9 * len(losses)))]
        print(
            f"{kind + 's' * (kind != 'all'):<13}{len(some):4} shapes, "
            f"{statistics.mean(r['candidates'] for r in some):.1f} candidates each: loss median "
            f"{statistics.median(losses):.1%}, 90th percentile {tail:.1%}, most {losses[-1]:.1%}; "
            f"the worst {statistics.median(r['worst'] for r in some):.2f} times the best; "
            f"rank correlation median {statistics.median(r['rank'] for r in some):.2f}"
        )
    for r in sorted(rows, key=lambda r: -r["loss"])[:worst]:
        pair = [" ".join(f"{n}={getattr(r[w], n)}" for n in NAMES) for w in ("choice", "best")]
        print(f"{r['loss']:7.1%} {r['ms']:8.3f} ms  {r['name']:44} {pair[0]}  best {pair[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", type=int, default=200)
    parser.add_argument("--most", type=int, default=MOST, help="multiplications of a shape")
    parser.add_argument("--json", type=Path, default=Path("cost-model.json"))
    parser.add_argument("--work", type=Path, help="where code is kept; beside the JSON if not said")
    parser.add_argument("--step", choices=["compile", "measure", "report"])
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--again", action="store_true", help="measure again, keep the least times")
    parser.add_argument("--worst", type=int, default=10, help="shapes to print, worst first")
    options = parser.parse_args()
    found = shapes(options.shapes, options.most)
    work = options.work or options.json.with_suffix(".code")
    if options.step in (None, "compile"):
        compile_all(found, options.most, work, options.json)
    if options.step in (None, "measure"):
        measure_all(found, work, options.json, options.rounds, options.seconds, options.again)
    if options.step != "compile":
        report(found, options.json, options.worst)


if __name__ == "__main__":
    main()
