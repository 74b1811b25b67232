"""Sizes in a module's text: found, replaced, and halved until the problem fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from pharos.core.errors import UserError
from pharos.kernelbench.cap import Caps, cap, halved
from pharos.kernelbench.literals import assigned, changes, literals, replaced
from pharos.kernelbench.sizer import sizes_of
from pharos.kernelbench.sizes import CannotMeasure

MIB = 1 << 20
MATMUL = '''"""\u00fcber 4096 numbers."""
import torch
class Model(torch.nn.Module):
    def __init__(self, columns):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.rand(K, columns))
    def forward(self, x):
        return x @ self.weight
M, comment = 7, "\u00fc"; K = 1024 * 2
height = width = 512
def get_inputs():
    return [torch.rand(4096, K)]
def get_init_inputs():
    return [width]
'''


def sizer(text):
    return sizes_of(text, Path("matmul.py"))


def test_literals_are_those_of_assignments_and_of_the_two_functions():
    found = [(one.owner, one.value) for one in literals(MATMUL)]
    # What stands in the class, in texts, or in a tuple with names belongs to nobody.
    assert found == [("K", 1024), ("K", 2), ("height, width", 512), ("get_inputs", 4096)]


def test_replacing_keeps_every_line_where_it_was():
    first, *_, last = literals(MATMUL)
    text = replaced(MATMUL, {first: 8, last: 16})
    assert "K = 8 * 2\n" in text and "torch.rand(16, K)" in text
    assert text.count("\n") == MATMUL.count("\n")
    assert changes(MATMUL, {last: 16}) == ("get_inputs: 4096 -> 16 (line 12)",)


def test_names_can_be_set_to_expressions():
    text = assigned(MATMUL, {"K": "3 * 5", "height": "64"})
    assert "K = (3 * 5)\n" in text and "height = width = (64)\n" in text


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(UserError) as caught:
        assigned(MATMUL, {"heigth": "64"})
    assert "expected one of K, height, width, found 'heigth'" in caught.value.message
    assert caught.value.hint == "did you mean 'height'?"


def test_sizes_count_weights_inputs_results_and_the_largest_tensor():
    sizes = sizer(MATMUL)
    assert sizes.weights == 4 * 2048 * 512
    assert sizes.inputs == 4 * 4096 * 2048
    assert sizes.results == sizes.largest == 4 * 4096 * 512
    assert sizes.flops == 2 * 4096 * 2048 * 512


def test_a_problem_is_halved_until_it_fits_and_says_how():
    capped = cap(MATMUL, Caps(bytes=8 * MIB), sizer)
    assert sizer(capped.source).bytes <= 8 * MIB
    assert capped.note == ""
    assert [change.split(" (")[0] for change in capped.changes] == [
        "K: 1024 -> 512",
        "get_inputs: 4096 -> 512",
    ]


def test_work_can_be_capped_too():
    capped = cap(MATMUL, Caps(flops=2_000_000_000), sizer)
    assert 1_000_000_000 < sizer(capped.source).flops <= 2_000_000_000


def test_what_fits_is_left_alone():
    capped = cap(MATMUL, Caps(bytes=1 << 40, flops=1 << 60), sizer)
    assert (capped.source, capped.changes) == (MATMUL, ())


def test_sizes_that_must_agree_are_halved_together():
    text = MATMUL.replace("torch.rand(4096, K)", "torch.rand(8, 2048)").replace("1024 * 2", "2048")
    text = text.replace("512", "8")
    assert sizer(text).weights == 4 * 2048 * 8
    capped = cap(text, Caps(bytes=40_000), sizer)
    assert sizer(capped.source).bytes <= 40_000
    assert [change.split(" (")[0] for change in capped.changes] == [
        "K: 2048 -> 512",
        "get_inputs: 2048 -> 512",
    ]


def test_odd_sizes_stay_odd():
    assert (halved(4095), halved(65535), halved(100), halved(5921)) == (2047, 32767, 50, 2961)


def test_what_cannot_fit_says_so():
    text = MATMUL.replace("1024 * 2", "2 ** 10 * 8")
    capped = cap(text, Caps(bytes=1000), sizer)
    assert "times the limit: no other size can be halved" in capped.note


def test_what_has_no_shapes_is_left_with_a_note():
    text = MATMUL.replace("return x @ self.weight", "return x[: int(x.sum())]")
    capped = cap(text, Caps(bytes=1000), sizer)
    assert capped.source == text
    assert capped.note.startswith("sizes as they are: ")


def test_a_model_that_looks_at_numbers_is_made_in_memory_first():
    text = MATMUL.replace("super().__init__()", "super().__init__(); torch.ones(2).sum().item()")
    assert sizer(text).weights == 4 * 2048 * 512


def test_a_module_that_does_not_run_has_no_sizes():
    with pytest.raises(CannotMeasure, match="NameError"):
        sizer("Model = undefined")
