"""Loop kernels at sizes of real payloads, as PTX: wide loads through the read-only cache, no
spills."""

import pytest
from loop_payloads import CASES

from pharos.targets.common.gpu.archive import text_of
from pharos.targets.common.gpu.finish import REPORT
from pharos.targets.nvidia import ptxas
from pharos.toolchain import compile, mlir_payload
from pharos.toolchain.records import Request

LARGE = [
    ("biased", (512, 512), "bf16"),
    ("gelu", (64, 512), "f32"),
    ("transposed", (256, 512), "f16"),
    ("gathered", (300, 768), "f32"),
    ("row sum", (64, 1 << 16), "bf16"),
    ("column sum", (5000, 640), "f32"),
    ("total", (3000, 1000), "f32"),
    ("softmax", (400, 1024), "f32"),
    ("softmax", (140, 16384), "f32"),
    ("softmax", (140, 40000), "f16"),
    ("layer norm", (140, 16384), "f32"),
    ("layer norm", (140, 32768), "f32"),
    ("layer norm", (400, 768), "bf16"),
    ("scan", (400, 4096), "f32"),
    ("scan before", (8, 100000), "i64"),
    ("product", (512, 4096), "bf16"),
]


def made(kind, shape, dtype):
    return compile(mlir_payload(CASES[kind](shape, dtype).text), Request(target="nvidia"))


@pytest.mark.parametrize("promise", ["", " {llvm.noalias}"], ids=["", "noalias"])
def test_a_row_is_read_once_by_sixteen_bytes_and_nothing_spills(promise):
    """Through the cache of what nobody writes only where the result is said to be no other array:
    else a caller may pass one array twice."""
    payload = CASES["softmax"]((4096, 256), "f32").text
    head, rest = payload.split(") {", 1)
    artifact = compile(mlir_payload(f"{head}{promise}) {{{rest}"), Request(target="nvidia"))
    text = text_of(artifact)
    load = "ld.global.nc.v4.b32" if promise else "ld.global.v4.b32"
    assert text.count(load) == 2 and text.count("ld.global") == 2
    assert text.count("st.global.v4.b32") == 2 and text.count("st.global") == 2
    if ptxas.find() is None:
        pytest.skip("no ptxas: pip install nvidia-cuda-nvcc")
    assert all(kernel["spill_stores"] == 0 for kernel in artifact.metadata[REPORT].values())


@pytest.mark.slow
@pytest.mark.skipif(ptxas.find() is None, reason="no ptxas: pip install nvidia-cuda-nvcc")
@pytest.mark.parametrize(("kind", "shape", "dtype"), LARGE)
def test_nothing_spills(kind, shape, dtype):
    report = made(kind, shape, dtype).metadata[REPORT]
    assert report and all(k["spill_stores"] == 0 for k in report.values()), report
