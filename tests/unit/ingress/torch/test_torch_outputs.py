"""Memory of results is used again when nobody holds it, and never before."""

from __future__ import annotations

import threading

import pytest
import torch

from pharos.ingress.torch.outputs import Outputs

SHAPE, F32 = [100, 300], torch.float32


def test_memory_that_is_let_go_is_used_again():
    outputs = Outputs()
    first = outputs.tensor(SHAPE, F32)
    address = first.data_ptr()
    del first
    again = outputs.tensor([300, 100], torch.int32)
    assert again.data_ptr() == address
    assert (again.shape, again.stride(), again.dtype) == ((300, 100), (100, 1), torch.int32)


@pytest.mark.parametrize(
    "hold", [lambda t: t, lambda t: t[3:], lambda t: t.numpy(), torch.utils.dlpack.to_dlpack]
)
def test_memory_that_is_held_is_not(hold):
    outputs = Outputs()
    held = hold(outputs.tensor(SHAPE, F32).fill_(7))
    other = outputs.tensor(SHAPE, F32).fill_(8)
    seen = torch.utils.dlpack.from_dlpack(held) if "dltensor" in repr(held) else held
    assert float(seen.ravel()[0]) == 7
    assert float(other[0, 0]) == 8


def test_another_size_gets_other_memory():
    outputs = Outputs()
    outputs.tensor(SHAPE, F32)
    assert outputs.tensor([100, 301], F32).untyped_storage().nbytes() == 4 * 100 * 301


def test_little_is_kept():
    outputs = Outputs()
    for rows in range(1, 40):
        outputs.tensor([rows, 1 << 20], F32)
    assert sum(kept.size for kept in outputs._kept) <= 64 << 20


def test_memory_that_callers_hold_is_no_reason_to_forget_other_memory():
    outputs = Outputs()
    held = [outputs.tensor([1 << 22], F32) for _ in range(6)]
    address = outputs.tensor([1 << 22], F32).data_ptr()
    assert outputs.tensor([1 << 22], F32).data_ptr() == address
    del held[:]
    outputs.tensor([1 << 22], F32)
    assert sum(kept.size for kept in outputs._kept) <= 64 << 20


def test_threads_never_share():
    outputs, wrong = Outputs(), []

    def work(number):
        for _ in range(300):
            tensor = outputs.tensor(SHAPE, F32).fill_(number)
            if not bool((tensor == number).all()):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_was_done_to_a_tensor_does_not_come_back():
    outputs = Outputs()
    first = outputs.tensor(SHAPE, F32)
    address = first.data_ptr()
    first.requires_grad_()
    first.data.t_()
    del first
    again = outputs.tensor(SHAPE, F32)
    assert (again.data_ptr(), again.shape, again.requires_grad) == (address, (100, 300), False)
