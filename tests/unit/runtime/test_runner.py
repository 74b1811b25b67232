"""The runner over a device that only records what it is given."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pharos.core.artifact import Argument, Artifact, EntryPoint
from pharos.core.errors import UserError
from pharos.runtime import Buffer, Checked, Runner
from pharos.runtime.buffer import host_buffer

SCALE = EntryPoint(
    "scale",
    (
        Argument("memref", "f32", (-1,), name="x"),
        Argument("scalar", "f32", name="factor"),
        Argument("memref", "f32", (-1,), written=False),
    ),
)
PAIR = EntryPoint("pair", (), (Argument("scalar", "i32"), Argument("scalar", "i32")))
ONE = EntryPoint("one", (), (Argument("scalar", "i32"),))


class Call:
    def __init__(self, entry: EntryPoint, values: Sequence[Checked]) -> None:
        self.entry, self.values, self.calls = entry, list(values), 0

    def __call__(self) -> tuple[Any, ...]:
        self.calls += 1
        return tuple(range(len(self.entry.results)))

    def update(self, index: int, value: Checked) -> None:
        self.values[index] = value


class Module:
    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.prepared: list[Call] = []

    def prepare(self, entry: EntryPoint, values: Sequence[Checked]) -> Call:
        self.prepared.append(Call(entry, values))
        return self.prepared[-1]


class FakeDevice:
    name = "cpu"

    def load(self, artifact: Artifact) -> Module:
        self.module = Module(artifact)
        return self.module

    def allocate(self, shape: Sequence[int], dtype: str) -> Buffer:
        return host_buffer(self.name, shape, dtype)

    def upload(self, array: np.ndarray[Any, Any]) -> Buffer:
        raise NotImplementedError

    def download(self, buffer: Buffer) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def synchronize(self) -> None: ...


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def runner(device: FakeDevice) -> Runner:
    metadata = {"uncallable": {"odd": "argument 0 has type vector<4xf32>"}}
    artifact = Artifact("cpu", "object", b"", (SCALE, PAIR, ONE), "0", metadata=metadata)
    return Runner(device, artifact)


def line(size: int = 4) -> np.ndarray[Any, Any]:
    return np.zeros(size, np.float32)


def test_results_are_none_one_or_a_tuple(runner: Runner) -> None:
    assert runner.call("scale", line(), 1.0, line()) is None
    assert runner.call("one") == 0
    assert runner.call("pair") == (0, 1)


def test_an_unknown_entry_lists_the_known(runner: Runner) -> None:
    with pytest.raises(UserError, match="no entry point 'scal'; there are: scale, pair, one") as e:
        runner.call("scal")
    assert e.value.hint == "did you mean 'scale'?"


def test_an_entry_that_cannot_be_called_says_why(runner: Runner) -> None:
    with pytest.raises(UserError, match="'odd' cannot be called from outside: argument 0 has type"):
        runner.call("odd")


def test_a_bad_argument_never_reaches_the_device(runner: Runner, device: FakeDevice) -> None:
    with pytest.raises(UserError, match="scale: argument 0 'x': expected an array f32"):
        runner.call("scale", np.zeros(4), 1.0, line())
    assert device.module.prepared == []


def test_a_bound_call_packs_once(runner: Runner, device: FakeDevice) -> None:
    bound = runner.bind("scale", line(), 1.0, line())
    for _ in range(3):
        bound()
    (call,) = device.module.prepared
    assert call.calls == 3


def test_set_by_index_and_by_name(runner: Runner, device: FakeDevice) -> None:
    bound = runner.bind("scale", line(), 1.0, line())
    (call,) = device.module.prepared
    bound.set("factor", 2.0)
    assert call.values[1].raw == np.float32(2).tobytes()  # type: ignore[union-attr]
    bound.set(1, 3)
    assert call.values[1].raw == np.float32(3).tobytes()  # type: ignore[union-attr]
    fresh = line(7)
    bound.set("x", fresh)
    assert call.values[0].address == fresh.ctypes.data  # type: ignore[union-attr]


SET_REFUSALS = [
    (3, 1.0, "scale: no argument 3, there are 3 from 0 on"),
    (-1, 1.0, "scale: no argument -1"),
    ("facto", 1.0, "scale: no argument named 'facto'; named are: x, factor"),
    ("", 1.0, "scale: no argument named ''"),
    ("factor", "2", "scale: argument 1 'factor': expected a number of type f32, found str '2'"),
    (0, np.zeros(4), "scale: argument 0 'x': expected an array f32"),
]


@pytest.mark.parametrize(("which", "value", "message"), SET_REFUSALS)
def test_set_refuses(
    runner: Runner, device: FakeDevice, which: int | str, value: Any, message: str
) -> None:
    bound = runner.bind("scale", line(), 1.0, line())
    before = list(device.module.prepared[0].values)
    with pytest.raises(UserError) as caught:
        bound.set(which, value)
    assert message in caught.value.message
    assert device.module.prepared[0].values == before


def test_set_checks_overlap_with_the_others(runner: Runner) -> None:
    whole = line(8)
    bound = runner.bind("scale", whole[:4], 1.0, whole[4:])
    with pytest.raises(UserError, match="arguments 0 and 2 overlap"):
        bound.set(0, whole[2:6])


def test_a_bound_call_keeps_buffers_unfreed(runner: Runner, device: FakeDevice) -> None:
    buffer, other = device.allocate([4], "f32"), device.allocate([4], "f32")
    with runner.bind("scale", buffer, 1.0, line()) as bound:
        with pytest.raises(UserError, match="still used by 1 bound call"):
            buffer.free()
        bound.set(0, other)
        buffer.free()
        with pytest.raises(UserError, match="still used"):
            other.free()
    other.free()


def test_a_collected_bound_call_lets_go(runner: Runner, device: FakeDevice) -> None:
    buffer = device.allocate([4], "f32")
    bound = runner.bind("scale", buffer, 1.0, line())
    with pytest.raises(UserError, match="still used by 1 bound call"):
        buffer.free()
    del bound
    gc.collect()
    buffer.free()
    with pytest.raises(UserError):
        buffer.free()


def test_a_closed_call_is_refused(runner: Runner) -> None:
    bound = runner.bind("one")
    bound.close()
    bound.close()
    with pytest.raises(UserError, match="one: the bound call was closed"):
        bound()
    with pytest.raises(UserError, match="one: the bound call was closed"):
        bound.set(0, 1)


def test_a_call_lets_go_even_when_it_fails(
    runner: Runner, device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Call) -> tuple[Any, ...]:
        raise RuntimeError("device lost")

    monkeypatch.setattr(Call, "__call__", fail)
    buffer = device.allocate([4], "f32")
    with pytest.raises(RuntimeError, match="device lost"):
        runner.call("scale", buffer, 1.0, line())
    buffer.free()
