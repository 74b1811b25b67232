"""Approximated functions against double precision: ordinary numbers, edges, flushing to zero."""

import numpy as np
import pytest
from lone_instructions import together

EDGES = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, -126.5, -149.0, 128.0]
ORDINARY = np.random.default_rng(3).uniform(-20, 20, 32 - len(EDGES))
VALUES = np.concatenate([EDGES, ORDINARY]).astype(np.float32)
TINY = np.finfo(np.float32).tiny


def flushed(values):
    return np.where(np.abs(values) < TINY, np.copysign(np.float32(0), values), values)


def close(found, exact, ulps):
    """Within so many units in the last place, infinities and NaN being themselves."""
    with np.errstate(all="ignore"):
        wanted = exact.astype(np.float32)
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    finite = np.isfinite(wanted) & np.isfinite(found)
    step = np.spacing(np.abs(np.where(finite, wanted, 1)).astype(np.float32))
    with np.errstate(all="ignore"):
        near = finite & (np.abs(found.astype(np.float64) - exact) <= ulps * step)
    assert (same | near).all(), (VALUES[~(same | near)], found[~(same | near)])


FUNCTIONS = [
    ("ex2", np.exp2, 1),
    ("lg2", np.log2, 1),
    ("rsqrt", lambda v: 1 / np.sqrt(v), 0.5),
    ("sqrt", np.sqrt, 0.5),
    ("rcp", lambda v: 1 / v, 0.5),
    ("sin", np.sin, 1),
    ("cos", np.cos, 1),
]


ASSEMBLY = {
    "tanh.approx.f32 $0, $1;": (np.tanh, 2),
    "ex2.approx.ftz.f32 $0, $1;": (lambda v: flushed(np.exp2(flushed(v))), 1),
    "rcp.approx.ftz.f32 $0, $1;": (lambda v: flushed(1 / flushed(v)), 0.5),
}


def calls():
    """Every function as an intrinsic, with and without flushing; some as assembly too."""
    found = {}
    for name, _, _ in FUNCTIONS:
        rounding = "rn" if name == "rcp" else "approx"
        for ftz in ("", ".ftz"):
            found[name + ftz] = f"call float @llvm.nvvm.{name}.{rounding}{ftz}.f(float %a0)"
    # LLVM 24 writes .f32 where LLVM 22 writes .f for all of them.
    found["ex2 of 24"] = "call float @llvm.nvvm.ex2.approx.ftz.f32(float %a0)"
    for text in ASSEMBLY:
        found[text] = f'call float asm sideeffect "{text}", "=f,f"(float %a0)'
    return found


@pytest.fixture(scope="module")
def results():
    return together(calls(), ("float",))(VALUES)


@pytest.mark.parametrize("ftz", ["", ".ftz"])
@pytest.mark.parametrize(("name", "exact", "ulps"), FUNCTIONS)
def test_intrinsics(results, name, exact, ulps, ftz):
    given = flushed(VALUES) if ftz else VALUES
    with np.errstate(all="ignore"):
        wanted = exact(given.astype(np.float64))
    close(results[name + ftz], flushed(wanted) if ftz else wanted, ulps)


@pytest.mark.parametrize("assembly", ASSEMBLY)
def test_assembly(results, assembly):
    exact, ulps = ASSEMBLY[assembly]
    with np.errstate(all="ignore"):
        close(results[assembly], exact(VALUES.astype(np.float64)), ulps)


def test_the_names_that_llvm_24_prints(results):
    assert results["ex2 of 24"].tobytes() == results["ex2.ftz"].tobytes()


def test_division(instruction):
    kernel = instruction("call float @llvm.nvvm.div.approx.ftz.f(float %a0, float %a1)",
                         ("float", "float"))  # fmt: skip
    with np.errstate(all="ignore"):
        wanted = flushed(flushed(VALUES).astype(np.float64) / np.float64(3.0))
    close(kernel(VALUES, 3.0), wanted, 0.5)
