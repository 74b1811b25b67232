"""Results of candidates: rounding is allowed, anything else is told with its place."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.tuning.agreement import Named, difference

RIGHT = np.array([[1.0, -2.0], [np.nan, np.inf]], np.float32)


def told(found, expected=RIGHT, dtype="f32"):
    return difference([Named("result 0", dtype, found)], [Named("result 0", dtype, expected)])


def test_rounding_is_allowed():
    assert told(RIGHT * np.float32(1 + 1e-5)) == ""
    assert told(np.zeros((0, 3)), np.zeros((0, 3))) == ""


@pytest.mark.parametrize(("place", "value"), [((0, 1), -2.1), ((1, 0), 1.0), ((1, 1), 3.0),
                                              ((0, 0), np.nan)])  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(place, value):
    found = RIGHT.copy()
    found[place] = value
    assert (
        f"1 of 4 elements are wrong (allowed 0.0001 of the value and of the rms); at {list(place)}"
        in told(found)
    )


def test_whole_numbers_are_equal_and_shapes_and_names_too():
    assert "must be equal" in told(np.array([3]), np.array([4]), "i32")
    assert "expected (2, 2), found (1, 2)" in told(RIGHT[:1])
    assert "expected result 0: f32, found nothing" in difference(
        [], [Named("result 0", "f32", RIGHT)]
    )
