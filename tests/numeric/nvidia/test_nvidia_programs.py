"""Whole kernels on the simulator: every way to multiply matrices, right in both moments.

Each also with a step taken out, which has to show: as a fault, or as a wrong result.
"""

import functools

import ml_dtypes
import numpy as np
import nvidia_programs as programs
import pytest

from pharos import ir
from pharos.simt import Checks, SimulationFault, Simulator
from pharos.simt.regions import Region
from pharos.targets.common.gpu.device_code import llvm_ir
from pharos.targets.nvidia import facts, ptxas
from pharos.targets.nvidia.meanings.swizzles import Swizzle
from pharos.targets.nvidia.meanings.table import TABLE
from pharos.targets.nvidia.ptx import generate
from pharos.targets.nvidia.target import NVIDIA
from pharos.targets.nvidia.tensor_maps import TensorMap

PASSES = (
    "builtin.module(gpu.module(canonicalize,cse,lower-affine,convert-nvgpu-to-nvvm,"
    "convert-vector-to-scf,convert-scf-to-cf,convert-vector-to-llvm,convert-nvvm-to-llvm,"
    "expand-strided-metadata,lower-affine,convert-arith-to-llvm{index-bitwidth=64},"
    "convert-index-to-llvm{index-bitwidth=64},canonicalize,cse,"
    "convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=1 index-bitwidth=64},canonicalize,cse,"
    "reconcile-unrealized-casts))"
)
CHIP = facts.CHIPS["sm_90a"]
BF16 = ml_dtypes.bfloat16
RNG = np.random.default_rng(8)


@functools.cache
def code_of(text):
    """LLVM IR of a program, as the code generator would get it."""
    module = ir.parse(text)
    ir.run_passes(module, PASSES.removeprefix("builtin.module(").removesuffix(")"))
    return llvm_ir(module, NVIDIA, CHIP)


@functools.cache
def kernel(text, entry, checked):
    code = code_of(text)
    checks = Checks() if checked else Checks.none()
    return Simulator(code, entry, meanings=TABLE, checks=checks, optimize=1)


def aligned(array):
    """A copy at a multiple of 128."""
    room = np.zeros(array.nbytes + 128, np.uint8)
    start = -room.ctypes.data % 128
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def run(text, entry, grid, block, arrays, shared=0, known=(), checked=True, **options):
    """Runs a kernel; it may use ``arrays``, which are its arguments, and those that are known."""
    memory = [
        Region(f"array {i}", a.ctypes.data, a.nbytes) for i, a in enumerate([*arrays, *known])
    ]
    launched = kernel(text, entry, checked)
    launched.run(grid, (block,), arrays, dynamic_shared=shared, memory=memory, **options)


def product(text, a, b, want, grid, block, shared, maps=(), **options):
    """The largest error of C, where ``a`` and ``b`` are given as arrays or by their maps."""
    out = aligned(np.full(want.shape, np.nan, np.float32))
    given, known = [a, b], ()
    if maps:
        known = (a, b)
        given = [aligned(np.frombuffer(m.encode(x.ctypes.data), np.uint8))
                 for m, x in zip(maps, known, strict=True)]  # fmt: skip
    run(text, "gemm", grid, block, [*given, out], shared, known, **options)
    return np.abs(out - want).max()


def mma(text=None, **options):
    m, n, k = 64, 32, 64
    a, b = (aligned(RNG.standard_normal((rows, k)).astype(np.float16)) for rows in (m, n))
    want = a.astype(np.float32) @ b.astype(np.float32).T
    text = text or programs.mma_gemm(m, n, k)
    return product(text, a, b, want, (n // 16, m // 32), 64, 2 * 48 * 24 * 2, **options)


def by_rows(rows, columns, box_rows):
    """The map of a row-major matrix of bf16 whose boxes are 64 columns wide."""
    return TensorMap("bf16", (columns, rows), (2 * columns,), (64, box_rows), swizzle=Swizzle.B128)


def tma(text=None, **options):
    m, n, k = 128, 64, 192
    a, b = (aligned(RNG.standard_normal(shape).astype(BF16)) for shape in ((m, k), (k, n)))
    want = a.astype(np.float32) @ b.astype(np.float32)
    text = text or programs.tma_gemm(m, n, k)
    maps = (by_rows(m, k, 64), by_rows(k, n, 64))
    return product(text, a, b, want, (n // 64, m // 64), 128, 32768, maps, **options)


def specialised(text=None, **options):
    m, n, k = 64, 64, 320
    a, b = (aligned(RNG.standard_normal((rows, k)).astype(BF16)) for rows in (m, n))
    want = a.astype(np.float32) @ b.astype(np.float32).T
    text = text or programs.specialised_gemm(m, n, k)
    maps = (by_rows(m, k, 64), by_rows(n, k, 32))
    return product(text, a, b, want, (n // 32, m // 64), 256, 24576, maps, **options)


MODES = pytest.mark.parametrize("latest", [True, False])
MMA, TMA = programs.mma_gemm(64, 32, 64), programs.tma_gemm(128, 64, 192)
SPECIALISED = programs.specialised_gemm(64, 64, 320)


@MODES
@pytest.mark.parametrize("gemm", [mma, tma, specialised])
def test_products_of_matrices(gemm, latest):
    assert gemm(latest=latest) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("order", ["backward", "shuffled"])
@pytest.mark.parametrize("gemm", [mma, tma, specialised])
def test_products_in_other_orders_of_threads(gemm, order):
    assert gemm(order=order) < 1e-4


@pytest.mark.slow
@pytest.mark.skipif(ptxas.find() is None, reason="ptxas is not installed (the extra nvidia)")
@pytest.mark.parametrize("name", ["MMA", "TMA", "SPECIALISED"])
def test_the_assembler_takes_the_programs(name):
    made = generate(code_of(globals()[name]), CHIP)
    (needs,) = ptxas.assemble(made.code.decode(), CHIP.chip).values()
    assert needs.spill_stores == needs.spill_loads == 0


def shows(gemm, text, fault, **options):
    """A step that was taken out stops the kernel."""
    with pytest.raises(SimulationFault, match=fault):
        gemm(text, **options)


@pytest.mark.parametrize(
    ("step", "latest"),
    [
        ("WAIT", True),
        pytest.param("FILLED", True, marks=pytest.mark.slow),
        # A copy that is started too early spoils what others still read only when it is quick.
        ("READ", False),
    ],
)
def test_steps_of_the_synchronous_product(step, latest):
    shows(mma, programs.without(MMA, step), "unwritten read|race", latest=latest)


@pytest.mark.slow
@pytest.mark.parametrize(("step", "fault"), [("WAIT", "unwritten read|race"), ("READ", "race")])
def test_steps_of_the_product_with_tma(step, fault):
    shows(tma, programs.without(TMA, step), fault)


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("DONE", r"used before wgmma\.wait_group"),
        pytest.param("COMMIT", r"race|used before wgmma\.wait_group", marks=pytest.mark.slow),
        pytest.param("FENCE", r"without wgmma\.fence", marks=pytest.mark.slow),
        pytest.param("FULL", "unwritten read|race", marks=pytest.mark.slow),
        pytest.param("EMPTY", "race|counter", marks=pytest.mark.slow),
    ],
)
def test_steps_of_the_specialised_product(step, fault):
    shows(specialised, programs.without(SPECIALISED, step), fault)


@pytest.mark.slow
def test_a_stage_that_is_given_back_too_early_gives_wrong_results():
    """The buffer is filled again before the products read it, at their latest moment."""
    early = programs.without(SPECIALISED, "BEFORE")
    assert not specialised(early, latest=True) < 1e-2
    assert specialised(early, latest=False) < 1e-4


def test_matrix_times_vector():
    n, k = 16, 1024
    w, x = (aligned(RNG.standard_normal(shape).astype(BF16)) for shape in ((n, k), (k,)))
    y = aligned(np.full(n, np.nan, np.float32))
    run(programs.gemv(n, k), "gemv", (n // 4,), 128, [w, x, y])
    want = w.astype(np.float64) @ x.astype(np.float64)
    assert np.abs(y - want).max() < 1e-4


def norm(text):
    x = aligned(RNG.standard_normal((6, 300)).astype(np.float32))
    y = aligned(np.full(x.shape, np.nan, np.float32))
    run(text, "norm", (6,), 128, [x, y])
    want = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    return np.abs(y - want).max()


def test_layer_norm():
    assert norm(programs.layer_norm(6, 300)) < 1e-5


@pytest.mark.parametrize("step", ["SUMMED", pytest.param("READ", marks=pytest.mark.slow)])
def test_steps_of_layer_norm(step):
    with pytest.raises(SimulationFault, match=r"race|unwritten read"):
        norm(programs.without(programs.layer_norm(6, 300), step))
