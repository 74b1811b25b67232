"""Torch tensors as buffers and buffers as torch tensors, without a copy where that can be."""

import gc

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pharos import toolchain  # noqa: E402
from pharos.core.errors import UserError  # noqa: E402
from pharos.runtime import Runner  # noqa: E402
from pharos.toolchain import Request  # noqa: E402

DOUBLE = """
func.func @main(%a: memref<6x40xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]} outs(%a : memref<6x40xf32>) {
  ^bb0(%x: f32):
    %y = arith.addf %x, %x : f32
    linalg.yield %y : f32
  }
  return
}
"""


@pytest.fixture(params=["cpu", "nvidia:sim"])
def device(request):
    return toolchain.target(request.param).open_device()


def test_a_tensor_is_computed_on_where_it_is(device):
    request = Request(target=device.name.replace("sm_90a:", ""))
    artifact = toolchain.build(toolchain.mlir_payload(DOUBLE), request).artifact
    tensor = torch.randn(6, 40, generator=torch.Generator().manual_seed(1))
    before = tensor.clone()
    buffer = device.from_dlpack(tensor)
    assert buffer.address == tensor.data_ptr()
    Runner(device, artifact).call("main", buffer)
    torch.testing.assert_close(tensor, 2 * before, rtol=0, atol=0)
    again = torch.from_dlpack(buffer)
    assert again.data_ptr() == tensor.data_ptr()


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "i1"])
def test_every_element_type_goes_both_ways(device, dtype):
    buffer = device.allocate((3, 5), dtype)
    from pharos.runtime import numpy_dtype

    given = np.arange(15).reshape(3, 5).astype(numpy_dtype(dtype))
    device.copy(given, buffer)
    tensor = torch.from_dlpack(buffer)
    assert tensor.shape == (3, 5)
    np.testing.assert_array_equal(tensor.double().numpy(), given.astype(np.float64))
    back = device.from_dlpack(tensor)
    assert back.dtype == dtype and back.address == buffer.address
    np.testing.assert_array_equal(device.download(back), given)


def test_memory_that_torch_fills_counts_as_written(device):
    request = Request(target=device.name.replace("sm_90a:", ""))
    artifact = toolchain.build(toolchain.mlir_payload(DOUBLE), request).artifact
    buffer = device.allocate((6, 40), "f32")
    torch.from_dlpack(buffer).fill_(3)
    Runner(device, artifact).call("main", buffer)
    np.testing.assert_array_equal(device.download(buffer), np.full((6, 40), 6))


def test_strides_come_along(device):
    tensor = torch.arange(48, dtype=torch.float32).reshape(6, 8)[1:5:2, ::3]
    buffer = device.from_dlpack(tensor)
    assert (buffer.shape, buffer.strides) == ((2, 3), (16, 3))
    np.testing.assert_array_equal(device.download(buffer), tensor.numpy())
    assert torch.from_dlpack(buffer.view((2,), strides=(16,))).tolist() == tensor[:, 0].tolist()


def test_what_is_lent_is_not_freed(device):
    buffer = device.upload(np.ones((4, 4), np.float32))
    tensor = torch.from_dlpack(buffer)
    with pytest.raises(UserError, match="still used by 1"):
        buffer.free()
    assert tensor.sum() == 16
    del tensor
    gc.collect()
    buffer.free()
    capsule = device.upload(np.ones(3, np.float32))
    taken = capsule.__dlpack__()
    del taken  # nobody took it
    capsule.free()


def test_a_tensor_lives_as_long_as_its_buffer(device):
    tensor = torch.full((5,), 7.0)
    buffer = device.from_dlpack(tensor)
    del tensor
    gc.collect()
    np.testing.assert_array_equal(device.download(buffer), np.full(5, 7.0))
    buffer.free()
    with pytest.raises(UserError, match="freed"):
        device.download(buffer)


def test_what_has_no_element_type_here_is_refused(device):
    with pytest.raises(UserError, match="no element type for DLPack's type 5 of 64 bits"):
        device.from_dlpack(torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(UserError, match="expected an array with __dlpack__"):
        device.from_dlpack([1, 2])
