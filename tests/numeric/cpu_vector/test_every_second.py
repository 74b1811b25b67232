"""Every second element of a row, to the last one that a page of memory has."""

import ctypes
import mmap

import numpy as np
import pytest

from pharos.toolchain import Request, compile, load, lower, mlir_payload


def program(count, dtype):
    # out[c, i] = x[c, 2 * i] + x[c, 2 * i + 2] * 2, the last element of x being the last one read
    x, out = f"memref<3x{2 * count + 1}x{dtype}>", f"memref<3x{count}x{dtype}>"
    return f"""
#in = affine_map<(c, i, t) -> (c, i * 2 + t * 2)>
#taps = affine_map<(c, i, t) -> (t)>
#out = affine_map<(c, i, t) -> (c, i)>
func.func @main(%x: {x}, %w: memref<2x{dtype}>, %o: {out}) {{
  linalg.generic {{indexing_maps = [#in, #taps, #out],
                  iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%x, %w : {x}, memref<2x{dtype}>) outs(%o : {out}) {{
  ^bb0(%a: {dtype}, %b: {dtype}, %s: {dtype}):
    %p = arith.mulf %a, %b : {dtype}
    %r = arith.addf %s, %p : {dtype}
    linalg.yield %r : {dtype}
  }}
  return
}}"""


@pytest.fixture
def at_the_end_of_memory():
    """Makes arrays whose last element is followed by a page that nobody may read."""
    libc, held = ctypes.CDLL(None, use_errno=True), []

    def make(values):
        size = -(-values.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, size + mmap.PAGESIZE)
        whole = np.frombuffer(memory, np.uint8)
        assert not libc.mprotect(ctypes.c_void_p(whole.ctypes.data + size), mmap.PAGESIZE, 0)
        held.append((memory, whole))
        placed = whole[size - values.nbytes : size].view(values.dtype).reshape(values.shape)
        placed[...] = values
        return placed

    yield make
    for _, whole in held:
        assert not libc.mprotect(
            ctypes.c_void_p(whole.ctypes.data + whole.size - mmap.PAGESIZE), mmap.PAGESIZE, 3
        )


@pytest.mark.parametrize("bits", [128, 256, 512])
@pytest.mark.parametrize(("count", "dtype"), [(32, "f32"), (7, "f32"), (33, "f32"), (12, "f64")])
def test_nothing_after_the_last_element_is_read(at_the_end_of_memory, count, dtype, bits):
    kind = {"f32": np.float32, "f64": np.float64}[dtype]
    payload = mlir_payload(program(count, dtype))
    run = load(compile(payload, Request(parameters={"simd_bits": bits, "threads": 1})))
    rng = np.random.default_rng(count)
    x = at_the_end_of_memory(rng.normal(size=(3, 2 * count + 1)).astype(kind))
    weights, out = np.array([1, 2], kind), np.zeros((3, count), kind)
    run.call("main", x, weights, out)
    np.testing.assert_allclose(out, x[:, :-1:2] + 2 * x[:, 2::2], rtol=1e-5, atol=1e-6)


def test_the_end_of_a_row_is_no_gather():
    request = Request(
        parameters={"simd_bits": 512, "threads": 1}, driving={"stop_after": "vector-loops"}
    )
    text = str(lower(mlir_payload(program(32, "f32")), request).module)
    assert "vector.deinterleave" in text and "vector.maskedload" in text
    assert "vector.gather" not in text
