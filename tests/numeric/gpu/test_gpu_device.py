"""Buffers, streams, events and graphs of a GPU device, on the simulated one."""

import gc

import numpy as np
import pytest

from pharos import toolchain
from pharos.core.errors import InternalError, UserError
from pharos.toolchain import Request

TARGET = "nvidia:sim"
ADD = """
func.func @main(%a: tensor<6x40xf32>, %b: tensor<6x40xf32>) -> tensor<6x40xf32> {
  %e = tensor.empty() : tensor<6x40xf32>
  %c = linalg.add ins(%a, %b : tensor<6x40xf32>, tensor<6x40xf32>)
                  outs(%e : tensor<6x40xf32>) -> tensor<6x40xf32>
  return %c : tensor<6x40xf32>
}
"""
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


def compiled(text):
    return toolchain.build(toolchain.mlir_payload(text), Request(target=TARGET)).artifact


@pytest.fixture(scope="module")
def adding():
    return compiled(ADD)


@pytest.fixture(scope="module")
def doubling():
    return compiled(DOUBLE)


def arrays(count=2):
    random = np.random.default_rng(7)
    return [random.standard_normal((6, 40), np.float32) for _ in range(count)]


def test_a_graph_computes_with_what_its_buffers_hold_when_it_is_launched(adding):
    runner = toolchain.load(adding)
    device = runner.device
    a, b = arrays()
    left, right, out = device.upload(a), device.upload(a), device.allocate((6, 40), "f32")
    first = runner.bind("main", left, right)
    second = runner.bind("main", first.outputs[0], right)
    graph = device.capture([first, second, device.copying(second.outputs[0], out)])
    assert np.isnan(device.download(out)).all()  # noting runs nothing
    for array in (a, b):
        device.copy(array, left)
        graph.launch()
        np.testing.assert_array_equal(device.download(out), array + a + a)
        np.testing.assert_array_equal(second.read(1), a)


def test_a_graph_keeps_the_buffers_it_uses(doubling):
    runner = toolchain.load(doubling)
    buffer = runner.device.upload(arrays()[0])
    bound = runner.bind("main", buffer)
    graph = runner.device.capture([bound])
    bound.close()
    with pytest.raises(UserError, match="still used by 1"):
        buffer.free()
    graph.close()
    graph.close()
    buffer.free()
    with pytest.raises(UserError, match="the graph was closed"):
        graph.launch()


def test_streams_and_graphs_take_no_arrays_of_the_host(doubling):
    runner = toolchain.load(doubling)
    with runner.bind("main", arrays()[0]) as bound:
        with pytest.raises(UserError, match="argument 0 is an array of the host") as caught:
            bound.enqueue()
        assert "device.upload" in caught.value.hint
        with pytest.raises(UserError, match="argument 0 is an array of the host"):
            runner.device.capture([bound])


def test_a_buffer_with_gaps_is_an_argument_like_any_other(doubling):
    runner = toolchain.load(doubling)
    device = runner.device
    (wide,) = arrays(1)
    wide = np.repeat(wide, 3, axis=1)
    buffer = device.upload(wide)
    view = buffer.view((6, 40), offset=8, strides=(120, 2))
    with runner.bind("main", view) as bound:
        device.capture([bound]).launch()
        bound()
    wide[:, 8:88:2] *= 4
    np.testing.assert_array_equal(device.download(buffer), wide)
    np.testing.assert_array_equal(device.download(view), wide[:, 8:88:2])


def test_a_buffer_that_is_not_aligned_is_copied(doubling):
    runner = toolchain.load(doubling)
    buffer = runner.device.upload(np.arange(243, dtype=np.float32))
    runner.call("main", buffer.view((6, 40), offset=3))
    expected = np.arange(243, dtype=np.float32)
    expected[3:] *= 2
    np.testing.assert_array_equal(runner.device.download(buffer), expected)


def test_streams_run_in_order_and_events_tell_time(doubling):
    runner = toolchain.load(doubling)
    device = runner.device
    (array,) = arrays(1)
    buffer = device.upload(array)
    with device.stream() as stream, runner.bind("main", buffer) as bound:
        start = stream.record()
        bound.enqueue(stream)
        end = stream.record()
        device.default.wait(end)
        bound.enqueue()
        device.synchronize()
        assert 0 < end.since(start) < 60_000
    np.testing.assert_array_equal(device.download(buffer), 4 * array)
    with pytest.raises(UserError, match="the stream was closed"):
        stream.record()


def test_registered_memory_is_the_hosts_own(doubling):
    runner = toolchain.load(doubling)
    (array,) = arrays(1)
    before = array.copy()
    with runner.device.register(array) as buffer:
        runner.bind("main", buffer)()
        np.testing.assert_array_equal(array, 2 * before)
        array[:] = 1
        np.testing.assert_array_equal(runner.device.download(buffer), np.ones((6, 40)))


def test_device_memory_is_not_the_hosts():
    device = toolchain.target(TARGET).open_device()
    with pytest.raises(UserError, match="cannot be seen from the host"):
        device.allocate((4,), "f32").numpy()


def test_nothing_is_left_and_nothing_is_freed_twice(adding):
    runner = toolchain.load(adding)
    memory = runner.device.driver.memory
    gc.collect()
    before = memory.count
    for _ in range(3):
        a, b = (runner.device.upload(array) for array in arrays())
        graph = runner.device.capture([runner.bind("main", a, b)])
        graph.launch()
        graph.close()
    del a, b, graph
    gc.collect()
    assert memory.count == before
    with pytest.raises(InternalError, match="freed before"):
        memory.free(64)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (np.zeros((6, 40), np.float64), None, "found f64.6, 40. and f32.6, 40."),
        (np.zeros((40, 6), np.float32), None, "found f32.40, 6. and f32.6, 40."),
    ],
)
def test_copies_change_neither_shape_nor_type(source, target, message):
    device = toolchain.target(TARGET).open_device()
    with pytest.raises(UserError, match=message):
        device.copy(source, target or device.allocate((6, 40), "f32"))
