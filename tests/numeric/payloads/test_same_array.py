"""Chains of operations on arguments of which two are the very same array.

What the fast pipeline does in one pass over the rows must be what one operation after the other
does.
"""

from __future__ import annotations

import functools
import random

import numpy as np
import pytest

from pharos.toolchain import Request, compile, load, mlir_payload

ROWS, COLUMNS = 37, 37
WHOLE, ROW = f"memref<{ROWS}x{COLUMNS}xf32>", f"memref<{ROWS}xf32>"
EACH, TURNED = "affine_map<(i, j) -> (i, j)>", "affine_map<(i, j) -> (j, i)>"
BY_ROW, BY_COLUMN = "affine_map<(i, j) -> (i)>", "affine_map<(i, j) -> (j)>"
BOTH, SUMS = '"parallel", "parallel"', '"parallel", "reduction"'


def generic(inputs, output, body, kinds=BOTH) -> str:
    """An operation; operands are (name, map), named as arguments and allocations are."""
    types = [ROW if name.startswith("r") else WHOLE for name, _ in (*inputs, output)]
    operands = ", ".join(f"%{name}" for name, _ in inputs)
    kind = f"ins({operands} : {', '.join(types[:-1])})" if inputs else ""
    arguments = ", ".join(f"%{letter}: f32" for letter in "pq"[: len(inputs)] + "o")
    return f"""
  linalg.generic {{indexing_maps = [{", ".join(map_ for _, map_ in (*inputs, output))}],
      iterator_types = [{kinds}]}} {kind} outs(%{output[0]} : {types[-1]}) {{
  ^bb0({arguments}):
    {body}
  }}"""


def elementwise(pick) -> str:
    first, second, out = pick("xyztu"), pick("xyztu"), pick("xyztu")
    body = (
        f"%v = arith.{pick(('addf', 'subf', 'maximumf'))} %p, %q : f32\n    linalg.yield %v : f32"
    )
    return generic([(first, EACH), (second, EACH)], (out, EACH), body)


def against_rows(pick) -> str:
    body = "%v = arith.subf %p, %q : f32\n    linalg.yield %v : f32"
    inputs = [(pick("xyzt"), EACH), (pick(("r0", "r1")), pick((BY_ROW, BY_COLUMN)))]
    return generic(inputs, (pick("xyzt"), EACH), body)


def sums(pick) -> str:
    """Of rows or columns, from zero on."""
    out = pick(("r0", "r1"))
    fill = f"\n  linalg.fill ins(%zero : f32) outs(%{out} : {ROW})"
    body = "%v = arith.addf %p, %o : f32\n    linalg.yield %v : f32"
    source = (pick("xyzt"), pick((EACH, TURNED)))
    return fill + generic([source], (out, BY_ROW), body, SUMS)


def turned(pick) -> str:
    """To an allocation, so that no argument is read where it is written."""
    return generic([(pick("xyz"), TURNED)], ("t", EACH), "linalg.yield %p : f32")


def cleared(pick) -> str:
    return f"\n  linalg.fill ins(%zero : f32) outs(%{pick('xyz')} : {WHOLE})"


STEPS = (elementwise, against_rows, sums, turned, cleared, elementwise, against_rows)


def chain(seed: int) -> str:
    """A function of x, y, z and two rows: two to four operations on them and on allocations."""
    chosen = random.Random(seed)
    pick = lambda of: chosen.choice(list(of))  # noqa: E731
    steps = [pick(STEPS)(pick) for _ in range(chosen.randint(2, 4))]
    arguments = ", ".join([*(f"%{n}: {WHOLE}" for n in "xyz"), *(f"%r{n}: {ROW}" for n in "01")])
    return f"""
func.func @f{seed}({arguments}) {{
  %zero = arith.constant 0.0 : f32
  %t = memref.alloc() : {WHOLE}
  %u = memref.alloc() : {WHOLE}
  linalg.fill ins(%zero : f32) outs(%t : {WHOLE})
  linalg.fill ins(%zero : f32) outs(%u : {WHOLE}){"".join(steps)}
  memref.copy %u, %z : {WHOLE} to {WHOLE}
  memref.dealloc %t : {WHOLE}
  memref.dealloc %u : {WHOLE}
  return
}}"""


PIPELINES = {
    "one after the other": Request(pipeline="default"),
    "fast": Request(pipeline="optimize", parameters={"threads": 2, "grain": 100}),
    "gpu": Request(target="nvidia:sim"),
}


@functools.cache
def compiled(pipeline: str, seeds: range):
    return load(compile(mlir_payload("".join(map(chain, seeds))), PIPELINES[pipeline]))


@pytest.mark.parametrize("pipeline", ["fast", "gpu"])
@pytest.mark.parametrize(
    "seeds", [range(12), pytest.param(range(12, 120), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_same_results_as_one_after_the_other(seeds, pipeline):
    rng = np.random.default_rng(0)
    start = [rng.integers(-8, 8, (ROWS, COLUMNS)).astype(np.float32) for _ in "xyz"]
    for seed in seeds:
        for one, other in ((0, 1), (0, 2), (1, 2), (None, None)):
            found = {}
            for name in ("one after the other", pipeline):
                arrays = [array.copy() for array in start]
                if one is not None:
                    arrays[other] = arrays[one]
                rows = [np.arange(ROWS, dtype=np.float32), np.ones(ROWS, np.float32)]
                compiled(name, seeds).call(f"f{seed}", *arrays, *rows)
                found[name] = [*arrays, *rows]
            for slow, fast in zip(*found.values(), strict=True):
                np.testing.assert_array_equal(fast, slow, err_msg=f"{one} {other}\n{chain(seed)}")
