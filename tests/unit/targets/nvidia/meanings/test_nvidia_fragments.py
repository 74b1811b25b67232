"""Fragments against the formulas that the PTX ISA prints for each of them."""

import numpy as np
import pytest

from pharos.targets.nvidia.meanings.fragments import Fragment, Product


def a_16_bits(lane, i):
    row = lane // 4 if i % 4 < 2 else lane // 4 + 8
    return row, lane % 4 * 2 + i % 2 + (8 if i >= 4 else 0)


def a_tf32(lane, i):
    return lane // 4 + (8 if i % 2 else 0), lane % 4 + (4 if i >= 2 else 0)


def a_8_bits(lane, i):
    row = lane // 4 if i < 4 or 8 <= i < 12 else lane // 4 + 8
    return row, lane % 4 * 4 + i % 4 + (16 if i >= 8 else 0)


def b_16_bits(lane, i):
    return lane // 4, lane % 4 * 2 + i % 2 + (8 if i >= 2 else 0)


def b_tf32(lane, i):
    return lane // 4, lane % 4 + (4 if i else 0)


def b_8_bits(lane, i):
    return lane // 4, lane % 4 * 4 + i % 4 + (16 if i >= 4 else 0)


def c_32_bits(lane, i):
    return lane // 4 + (8 if i >= 2 else 0), lane % 4 * 2 + i % 2


def wgmma_d(lane, i):
    return lane // 4 + 8 * (i // 2 % 2), i // 4 * 8 + lane % 4 * 2 + i % 2


F16, TF32, S8 = Product(16, 8, 16, 16), Product(16, 8, 8, 32), Product(16, 8, 32, 8)
CASES = [
    (F16.a, 8, a_16_bits),
    (F16.b, 4, b_16_bits),
    (F16.c, 4, c_32_bits),
    (Product(16, 8, 16, 16, 16).c, 4, c_32_bits),
    (Product(16, 8, 8, 16).a, 4, a_16_bits),
    (Product(16, 8, 8, 16).b, 2, b_16_bits),
    (TF32.a, 4, a_tf32),
    (TF32.b, 2, b_tf32),
    (S8.a, 16, a_8_bits),
    (S8.b, 8, b_8_bits),
    (Product(16, 8, 16, 8).a, 8, a_8_bits),
    (Fragment(16, 256, 32, 8), 128, wgmma_d),
]


@pytest.mark.parametrize(("fragment", "elements", "formula"), CASES)
def test_positions_are_those_of_the_manual(fragment, elements, formula):
    assert fragment.elements == elements
    for lane in range(32):
        for element in range(elements):
            assert fragment.position(lane, element) == formula(lane, element)


@pytest.mark.parametrize("fragment", [case[0] for case in CASES])
def test_every_element_is_held_once(fragment):
    matrix = np.arange(fragment.rows * fragment.columns).reshape(fragment.rows, fragment.columns)
    held = fragment.distribute(matrix)
    assert sorted(held.ravel()) == list(range(matrix.size))
    assert (fragment.collect(held) == matrix).all()


def test_registers():
    assert (F16.a.registers, F16.b.registers, F16.c.registers) == (4, 2, 4)
    assert (TF32.a.registers, TF32.b.registers) == (4, 2)
    assert Product(16, 8, 16, 16, 16).c.registers == 2


def test_a_matrix_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="16x16 expected"):
        F16.a.distribute(np.zeros((16, 8)))
