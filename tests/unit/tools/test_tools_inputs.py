"""Descriptions of inputs: what they mean, and every way to get them wrong."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from pharos.core.artifact import Argument, EntryPoint
from pharos.core.errors import UserError
from pharos.runtime.dtypes import NUMPY
from pharos.tools.inputs import example, make_inputs, parse_inputs


def entry(*arguments: Argument) -> EntryPoint:
    return EntryPoint("f", arguments)


def array(dtype: str, *shape: int) -> Argument:
    return Argument("memref", dtype, shape)


def scalar(dtype: str) -> Argument:
    return Argument("scalar", dtype)


def made(text: str, *arguments: Argument, seed: int = 0) -> list:
    return make_inputs(parse_inputs(text), entry(*arguments), seed)


# (text, column, part of the message)
MALFORMED = [
    ("", 1, "found nothing"),
    ("f32", 1, "expected a value after 'f32'"),
    ("4x4xf32", 1, "expected a value after 'f32'"),
    ("4x4xf32x", 1, "expected a value after 'f32'"),
    ("4x4x4", 6, "found nothing"),
    ("2x", 3, "found nothing"),
    ("4x4xf31xrnd", 5, "found 'f31'"),
    ("ui8x0", 1, "found 'ui8'"),
    ("-4xf32x1", 1, "found '-4'"),
    ("4.5xf32x1", 1, "found '4.5'"),
    ("4 x4xf32x1", 1, "found '4 '"),
    ("F32x1", 1, "found 'F32'"),
    ("4x5xf32xid", 9, "two equal sizes for the identity, found 4x5"),
    ("4xf32xid", 7, "two equal sizes for the identity, found 4"),
    ("f32xid", 5, "two equal sizes for the identity, found none"),
    ("4x4xf32xrdn", 9, "found 'rdn'"),
    ("4x4xf32x1x1", 9, "found '1x1'"),
    ("i32x1.5", 5, "whole number as i32, found '1.5'"),
    ("i8x128", 4, "expected -128 to 127 as i8, found 128"),
    ("i1x2", 4, "expected 0 to 1 as i1, found 2"),
    ("f16x1e10", 5, "as f16, found 1e10"),
    ("4xf32x1,,4xf32x1", 9, "item 1"),
    ("4xf32x1,", 9, "item 1"),
    ("f32x1,4xf32", 7, "item 1: expected a value"),
    ("@", 1, "expected a file's name after '@'"),
]


@pytest.mark.parametrize(("text", "column", "message"), MALFORMED)
def test_malformed_descriptions_name_item_and_column(text, column, message):
    with pytest.raises(UserError) as caught:
        parse_inputs(text)
    assert message in caught.value.message
    assert str(caught.value.span) == f"--input:1:{column}"
    assert caught.value.message.startswith("item ")


@pytest.mark.parametrize(("wrong", "right"), [("4xf322x1", "f32"), ("4xindxx1", "index")])
def test_a_hint_names_the_nearest_type(wrong, right):
    with pytest.raises(UserError) as caught:
        parse_inputs(wrong)
    assert caught.value.hint == f"did you mean '{right}'?"


@pytest.mark.parametrize("dtype", NUMPY)
def test_every_type_has_constants_and_random_values(dtype):
    zeros, ones, random = made(
        f"2x3x{dtype}x0,{dtype}x1,4x5x{dtype}xrnd",
        array(dtype, 2, 3),
        array(dtype),
        array(dtype, -1, -1),
    )
    assert zeros.dtype == NUMPY[dtype] and zeros.shape == (2, 3) and not zeros.any()
    assert ones.shape == () and ones == 1
    assert random.any() and len(np.unique(random)) > 1


def test_random_floats_are_normal_and_integers_small():
    floats, integers, indices, flags = made(
        "10000xf32xrnd,10000xi32xrnd,10000xindexxrnd,10000xi1xrnd",
        array("f32", -1),
        array("i32", -1),
        array("index", -1),
        array("i1", -1),
    )
    assert abs(floats.mean()) < 0.05 and abs(floats.std() - 1) < 0.05
    assert (integers.min(), integers.max()) == (-9, 9)
    assert (indices.min(), indices.max()) == (0, 9)
    assert 0.4 < flags.mean() < 0.6


def test_random_integers_are_never_all_zero():
    for seed in range(100):
        (value,) = made("i8xrnd", array("i8"), seed=seed)
        assert value != 0


def test_the_seed_decides_and_inputs_do_not_disturb_each_other():
    first = made("9xf32xrnd,9xf32xrnd", array("f32", 9), array("f32", 9), seed=3)
    again = made("9xf32xrnd,9xf32xrnd", array("f32", 9), array("f32", 9), seed=3)
    other = made("9xf32x0,9xf32xrnd", array("f32", 9), array("f32", 9), seed=3)
    changed = made("9xf32xrnd,9xf32xrnd", array("f32", 9), array("f32", 9), seed=4)
    assert np.array_equal(first, again) and np.array_equal(first[1], other[1])
    assert not np.array_equal(first[0], first[1]) and not np.array_equal(first, changed)


def test_identity_and_numbers():
    eye, fill, nan = made(
        "3x3xbf16xid,2xf64x-2.5,f32xnan", array("bf16", 3, 3), array("f64", 2), scalar("f32")
    )
    assert eye.dtype == ml_dtypes.bfloat16 and np.array_equal(eye.astype(int), np.eye(3))
    assert fill.tolist() == [-2.5, -2.5]
    assert np.isnan(nan)


def test_scalars_are_python_numbers():
    assert made("i64x-3,f32x0.5,i1x1,indexx7", *map(scalar, ("i64", "f32", "i1", "index"))) == [
        -3,
        0.5,
        1,
        7,
    ]


def test_an_array_may_have_no_elements():
    (value,) = made("0x4xi32xrnd", array("i32", -1, 4))
    assert value.shape == (0, 4)


MISFITS = [
    ("2x4xf32x1", "item 0: expected f32[?, 3], found f32[2, 4]"),
    ("3xf32x1", "item 0: expected f32[?, 3], found f32[3]"),
    ("2x3xf64x1", "item 0: expected f32[?, 3], found f64[2, 3]"),
    ("f32x1", "item 0: expected f32[?, 3], found f32[]"),
    ("999999999999x3xf32x1", "item 0: needs "),
    ("@missing.npy", "item 0: cannot read missing.npy: No such file or directory"),
]


@pytest.mark.parametrize(("text", "message"), MISFITS)
def test_items_that_do_not_fit(text, message):
    with pytest.raises(UserError) as caught:
        made(text, array("f32", -1, 3))
    assert caught.value.message.startswith(message)
    assert str(caught.value.span) == "--input:1:1"


def test_the_number_of_items_must_fit():
    with pytest.raises(UserError) as caught:
        made("f32x1", scalar("f32"), array("bf16", -1, 8))
    assert caught.value.message == "'f' takes 2 argument(s) (f32, bf16[?, 8]), found 1 in --input"
    assert caught.value.hint == "for instance --input f32x1,16x8xbf16xrnd"


def test_a_pointer_is_refused():
    with pytest.raises(UserError, match="which --input cannot describe"):
        made("i64x0", Argument("pointer", "index"))
    assert "call another function" in example(entry(Argument("pointer", "index")))


def test_the_example_is_accepted():
    arguments = (array("f32", 4, -1), scalar("i1"), array("i64"), scalar("bf16"))
    text = example(entry(*arguments)).removeprefix("for instance --input ")
    assert len(made(text, *arguments)) == 4


class TestFiles:
    def test_an_array_comes_from_numpys_file(self, tmp_path):
        np.save(tmp_path / "a.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
        (value,) = made(f"@{tmp_path}/a.npy", array("f32", 2, 3))
        assert value.tolist() == [[0, 1, 2], [3, 4, 5]]

    def test_any_order_of_the_elements_becomes_row_major(self, tmp_path):
        np.save(tmp_path / "a.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
        (value,) = made(f"@{tmp_path}/a.npy", array("f64", 2, 3))
        assert value.flags.c_contiguous and value[1].tolist() == [3, 4, 5]

    def test_bf16_is_read_back(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([1.5, -2], ml_dtypes.bfloat16))
        (value,) = made(f"@{tmp_path}/a.npy", array("bf16", 2))
        assert value.dtype == ml_dtypes.bfloat16 and value.tolist() == [1.5, -2]

    def test_a_scalar_may_come_from_a_file(self, tmp_path):
        np.save(tmp_path / "a.npy", np.float32(2.5))
        assert made(f"@{tmp_path}/a.npy", scalar("f32")) == [2.5]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is no array that numpy saved"),
            (b"hello", "is no array that numpy saved"),
            (b"\x93NUMPY\x01\x00\x10", "is no array that numpy saved"),
        ],
    )
    def test_other_files_are_refused(self, tmp_path, content, message):
        (tmp_path / "a.npy").write_bytes(content)
        with pytest.raises(UserError, match=message):
            made(f"@{tmp_path}/a.npy", array("f32", 2))

    def test_objects_and_archives_are_refused(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([{}, None], object), allow_pickle=True)
        with pytest.raises(UserError, match="is no array that numpy saved"):
            made(f"@{tmp_path}/a.npy", array("f32", 2))
        np.savez(tmp_path / "b.npz", a=np.ones(2))
        with pytest.raises(UserError, match="found an archive"):
            made(f"@{tmp_path}/b.npz", array("f32", 2))

    def test_the_wrong_type_is_named(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([1 + 2j]))
        with pytest.raises(UserError, match="found complex128"):
            made(f"@{tmp_path}/a.npy", array("f32", 1))
