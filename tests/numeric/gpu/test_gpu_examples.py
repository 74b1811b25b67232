"""The example of a layer on every chip, in every element type that its units multiply."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from pharos import toolchain
from pharos.toolchain import Request

LAYER = Path(__file__).parents[3] / "examples/gpu/mlp.mlir"
# Largest error, of the rms of the result: sums of 40 products, rounded to the type.
TYPES = {"f32": (np.float32, 1e-5), "f16": (np.float16, 1e-2), "bf16": (ml_dtypes.bfloat16, 5e-2)}
CHIPS = (
    "nvidia:sm_80",
    "nvidia:sm_90a",
    "amd:gfx1100",
    "amd:gfx1151",
    "amd:gfx942",
    "xegpu:pvc",
    "xegpu:bmg",
)
_ALWAYS = (("amd:gfx942", "bf16"), ("xegpu:bmg", "f16"))


def cases():
    for chip in CHIPS:
        for dtype in TYPES:
            marks = () if (chip, dtype) in _ALWAYS else pytest.mark.slow
            yield pytest.param(chip, dtype, marks=marks)


@pytest.mark.parametrize(("chip", "dtype"), list(cases()))
def test_a_layer(chip, dtype):
    kind, bound = TYPES[dtype]
    random = np.random.default_rng(0)
    x, w, b = (random.standard_normal(s).astype(kind) for s in ((50, 40), (40, 70), (70,)))
    payload = toolchain.mlir_payload(LAYER.read_text().replace("f16", dtype))
    built = toolchain.build(payload, Request(target=f"{chip}:sim"), fresh=True)
    found = toolchain.load(built.artifact).call("main", x, w, b).astype(np.float64)
    x, w, b = (array.astype(np.float64) for array in (x, w, b))
    expected = np.maximum(x @ w + b, 0)
    assert np.abs(found - expected).max() <= bound * np.sqrt((expected**2).mean())
