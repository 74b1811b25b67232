"""Tensor maps: what the driver gets, what simulated instructions read, what is refused."""

import json
import struct

import pytest

from pharos.core.errors import InternalError
from pharos.targets.nvidia.meanings.swizzles import Swizzle
from pharos.targets.nvidia.tensor_maps import TensorMap

MAP = TensorMap("bf16", (256, 100), (512,), (64, 128), swizzle=Swizzle.B128)


def test_what_the_driver_gets():
    # bf16 is 9 in CUtensorMapDataType, swizzle 128 B is 3, promotion to 128 B is 2.
    expected = (9, 2, 0x1000, (256, 100), (512,), (64, 128), (1, 1), 0, 3, 2, 0)
    assert MAP.driver_arguments(0x1000) == expected


def test_the_words_for_simulated_instructions():
    words = MAP.encode(0x123450)
    assert len(words) == 128
    assert struct.unpack_from("<I4B5I", words) == (0x504D4154, 2, 2, 3, 0, 256, 100, 1, 1, 1)
    assert struct.unpack_from("<5H5B", words, 28) == (64, 128, 1, 1, 1, 1, 1, 1, 1, 1)
    assert struct.unpack_from("<2Q", words, 48) == (0x123450, 512)


def test_bytes_of_one_copy():
    assert MAP.copied_bytes == 64 * 128 * 2
    strided = TensorMap("f32", (64, 64), (256,), (16, 9), (1, 2))
    assert strided.copied == (16, 5)
    assert strided.copied_bytes == 16 * 5 * 4


def test_plain_data_and_back():
    assert TensorMap.from_data(json.loads(json.dumps(MAP.to_data()))) == MAP


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dimensions": (1,) * 6, "box": (8,) * 6, "strides": (16,) * 5}, "one to five dimensions"),
        ({"strides": (100,)}, "strides that are multiples of 16"),
        ({"box": (64, 257)}, "box sizes from 1 to 256"),
        ({"box": (4, 8)}, "multiples of 16 bytes"),
        ({"box": (128, 8)}, "no longer than the swizzle's span"),
        ({"strides": ()}, "a stride for each dimension but the first"),
        ({"element_strides": (1, 9)}, "element strides from 1 to 8"),
        ({"element": "u16", "fill_nan": True}, "NaN only for floats"),
        ({"dimensions": (0, 100)}, "dimensions from 1"),
        ({"l2_promotion": 32}, "L2 promotion"),
    ],
)
def test_what_the_driver_would_refuse(change, message):
    fields = {"element": "bf16", "dimensions": (256, 100), "strides": (512,), "box": (64, 128)}
    with pytest.raises(InternalError, match=message):
        TensorMap(**{**fields, "swizzle": Swizzle.B128, **change})


def test_an_address_that_is_not_aligned():
    with pytest.raises(InternalError, match="0x1008"):
        MAP.encode(0x1008)
