"""Products on the simulated device: numpy's numbers, at lane level and at workgroup level."""

import itertools
import shutil

import pytest
from both_levels import check_product, kinds, payload, product, spirv

from pharos.targets.common.gpu import archive
from pharos.targets.xegpu.spirv import tools
from pharos.toolchain import Request, build

SHAPES = [
    (16, 16, 16),
    (128, 128, 64),
    (100, 72, 40),
    (99, 33, 41),
    (5, 7, 9),
    (4, 4, 1),
    (33, 130, 17),
    (64, 200, 96),
    (257, 65, 33),
    (8, 512, 32),
    (300, 16, 48),
    (127, 127, 127),
    (1, 64, 64),
    (64, 1, 64),
]
TYPES = [("f16", "f32"), ("bf16", "f32"), ("f16", "f16"), ("bf16", "bf16"), ("f32", "f32")]
TURNED = list(itertools.product([False, True], repeat=2))
ENDINGS = ["none", "bias-relu", "residual", "tanh", "scaled"]


def on_matrix_units(m, n, factor):
    return factor != "f32" and min(m, n) >= 4


def is_well_run(found, m, n, factor):
    """Every product went where it belongs, and its SPIR-V is emitted."""
    assert ("product" in kinds(found)) == on_matrix_units(m, n, factor)
    assert spirv(found.artifact)[:4] == b"\x03\x02\x23\x07"


@pytest.mark.parametrize(
    ("shape", "types", "turned", "ending"),
    [
        ((34, 72, 40), ("f16", "f32"), (False, False), "bias-relu"),
        ((33, 35, 64), ("bf16", "bf16"), (False, True), "residual"),
        ((19, 29, 21), ("f32", "f32"), (False, False), "none"),
    ],
)
def test_products(shape, types, turned, ending):
    found = check_product(*shape, *types, turned=turned, ending=ending)
    is_well_run(found, *shape[:2], types[0])


@pytest.mark.slow
@pytest.mark.parametrize("types", TYPES, ids="-".join)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
def test_every_shape_and_type(shape, types):
    # Transpositions, endings and starts go round so that each meets every type.
    number = SHAPES.index(shape) + TYPES.index(types)
    found = check_product(
        *shape,
        *types,
        turned=TURNED[number % 4],
        ending=ENDINGS[number % 5],
        start="other" if number % 3 == 0 else "zero",
    )
    is_well_run(found, *shape[:2], types[0])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(tools.OCLOC) is None, reason="ocloc is not installed")
@pytest.mark.parametrize("chip", ["bmg", "pvc"])
@pytest.mark.parametrize(
    ("shape", "types", "turned", "ending"),
    [
        ((512, 512, 512), ("f16", "f32"), (False, False), "none"),
        ((100, 72, 40), ("bf16", "bf16"), (True, True), "bias-relu"),
        ((99, 65, 41), ("f16", "f16"), (False, True), "tanh"),
        ((99, 65, 41), ("f32", "f32"), (False, False), "residual"),
    ],
)
def test_intels_compiler_resolves_every_function(shape, types, turned, ending, chip):
    text = product(*shape, *types, turned=turned, ending=ending)
    artifact = build(payload(text), Request(target=f"xegpu:{chip}"), fresh=True).artifact
    code = archive.unpack(artifact)["kernels.spirv"]
    assert tools.compile_binary(code, chip, ("-ze-opt-large-register-file",))
