"""Planted faults are found: structure, shape, dtype, NaN, unwritten and wrong elements."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from pharos.kernelbench.check import Expected, compare, says_little
from pharos.kernelbench.tolerance import tolerance_for

RULE = partial(tolerance_for, relative=None, absolute=None)


def wrong(found, expected, exact=None):
    return compare(found, Expected(expected, exact), RULE).wrong


@pytest.fixture
def right():
    torch.manual_seed(0)
    return torch.randn(5, 4)


def test_equal_results_are_right(right):
    assert wrong(right.clone(), right) == ""
    assert wrong((right, [right]), (right, [right])) == ""


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda x: x[:1], r"expected shape \[5, 4\], found \[1, 4\]"),  # broadcasts
        (lambda x: x[0], r"expected shape \[5, 4\], found \[4\]"),
        (lambda x: x.reshape(4, 5), "expected shape"),
        (lambda x: x[..., None], "expected shape"),
        (lambda x: x.double(), "expected float32, found float64"),
        (lambda x: x.bfloat16(), "expected float32, found bfloat16"),
        (lambda x: (x, x), "expected results built like"),
        (lambda x: 1.0, "expected a tensor, found float"),
        (lambda x: x * 1.001, "elements are wrong"),
        (lambda x: x + 1e-3, "elements are wrong"),
        (lambda x: torch.full_like(x, torch.nan), "20 of 20 elements are wrong"),
        (lambda x: torch.full_like(x, torch.inf), "20 of 20 elements are wrong"),
    ],
)
def test_faults_are_found(right, fault, message):
    import re

    assert re.search(message, wrong(fault(right), right))


def test_one_wrong_element_is_named_with_both_values(right):
    found = right.clone()
    found[3, 2] = torch.nan
    said = wrong(found, right)
    assert "1 of 20 elements are wrong" in said
    assert f"at [3, 2] expected {right[3, 2].item():.9g}, found nan" in said


def test_rounding_is_allowed(right):
    assert wrong(right * (1 + 5e-5), right) == ""
    assert wrong(right + 5e-6 * right.square().mean().sqrt(), right) == ""


def test_nan_and_infinity_are_right_where_eager_has_them(right):
    right[0, 0], right[1, 1] = torch.nan, -torch.inf
    assert wrong(right.clone(), right) == ""
    other = right.clone()
    other[1, 1] = torch.inf
    assert "1 of 20" in wrong(other, right)


def test_the_reference_in_float64_counts_and_eagers_own_error_is_allowed(right):
    exact = right.double()
    eager = right + 0.01
    assert wrong(right + 0.03, eager, exact) == ""
    assert wrong(right + 0.05, eager, exact) != ""
    assert wrong(eager + 0.5, eager + 0.5) == "" != wrong(eager + 0.5, eager, exact)


def test_whole_numbers_must_be_equal():
    numbers = torch.arange(6)
    assert wrong(numbers.clone(), numbers) == ""
    found = numbers.clone()
    found[4] = 5
    assert "1 of 6 elements are wrong (must be equal); at [4] expected 4, found 5" in wrong(
        found, numbers
    )
    assert "int64, found int32" in wrong(numbers.int(), numbers)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_each_dtype_has_its_tolerance(dtype):
    torch.manual_seed(0)
    right = torch.randn(64).to(dtype)
    step = torch.finfo(dtype).eps
    assert wrong(right + right * step, right) == ""
    assert wrong(right + right * 100 * step, right) != "" or dtype == torch.float64
    assert wrong(right * 1.1, right) != ""


def test_given_tolerances_win():
    rule = partial(tolerance_for, relative=0.1, absolute=0.0)
    one = torch.tensor([1.0, 2.0])
    assert compare(one * 1.09, Expected(one), rule).wrong == ""
    assert "allowed 0.1 of the value" in compare(one * 1.2, Expected(one), rule).wrong
    assert rule(torch.int64).relative == 0


def test_empty_and_scalar_results():
    assert wrong(torch.empty(0, 3), torch.empty(0, 3)) == ""
    assert "expected shape [0, 3]" in wrong(torch.empty(0, 4), torch.empty(0, 3))
    assert wrong(torch.tensor(2.0), torch.tensor(2.0)) == ""
    assert wrong(torch.tensor(2.1), torch.tensor(2.0)) != ""
    assert wrong((3, None), (3, None)) == ""
    assert "expected 3, found 4" in wrong((4, None), (3, None))


def test_what_says_little():
    assert says_little(torch.zeros(4)) == "all elements of the result are equal"
    assert says_little(torch.full((4,), torch.nan)) == "all results are NaN"
    assert says_little([torch.empty(0)]) == "there is nothing to compare"
    assert says_little((torch.zeros(4), torch.arange(4))) == ""
    assert says_little(torch.tensor(1.0)) == ""


def test_a_failure_says_what_tolerance_would_do():
    one = torch.tensor([1.0, 2.0])
    rule = partial(tolerance_for, relative=0.01, absolute=0.0)
    assert "; 5 times that would pass" in compare(one * 1.05, Expected(one), rule).wrong
    assert "would pass" not in compare(one * torch.nan, Expected(one), rule).wrong
