from __future__ import annotations

import pytest

from pharos.core.errors import InternalError
from pharos.targets.amd.code_object.msgpack import decode

# Values with the bytes that the specification gives their formats.
EXAMPLES = [
    (b"\x00", 0),
    (b"\x7f", 127),
    (b"\xff", -1),
    (b"\xe0", -32),
    (b"\xc0", None),
    (b"\xc2", False),
    (b"\xc3", True),
    (b"\xcc\xff", 255),
    (b"\xcd\x01\x00", 256),
    (b"\xce\x00\x01\x00\x00", 65536),
    (b"\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 1 << 32),
    (b"\xd0\x80", -128),
    (b"\xd1\x80\x00", -32768),
    (b"\xd2\x80\x00\x00\x00", -(1 << 31)),
    (b"\xd3\xff\xff\xff\xff\xff\xff\xff\xfe", -2),
    (b"\xca\x3f\xc0\x00\x00", 1.5),
    (b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5),
    (b"\xa3abc", "abc"),
    (b"\xd9\x03abc", "abc"),
    (b"\xda\x00\x03abc", "abc"),
    (b"\xdb\x00\x00\x00\x03abc", "abc"),
    (b"\xc4\x02\x00\xff", b"\x00\xff"),
    (b"\xc5\x00\x01\x05", b"\x05"),
    (b"\xc6\x00\x00\x00\x01\x05", b"\x05"),
    (b"\x92\x01\xa1x", [1, "x"]),
    (b"\xdc\x00\x02\x01\x02", [1, 2]),
    (b"\xdd\x00\x00\x00\x01\x02", [2]),
    (b"\x82\xa1a\x01\xa1b\x90", {"a": 1, "b": []}),
    (b"\xde\x00\x01\xa1a\x80", {"a": {}}),
    (b"\xdf\x00\x00\x00\x01\x05\xc3", {5: True}),
]


@pytest.mark.parametrize(("data", "value"), EXAMPLES, ids=[data.hex() for data, _ in EXAMPLES])
def test_every_format_is_read(data, value):
    assert decode(data) == value
    assert type(decode(data)) is type(value)


@pytest.mark.parametrize("data", [data for data, _ in EXAMPLES if len(data) > 1], ids=bytes.hex)
def test_bytes_that_end_early_are_refused(data):
    with pytest.raises(InternalError, match="in the middle"):
        decode(data[:-1])


def test_bytes_after_the_value_are_refused():
    with pytest.raises(InternalError, match="2 bytes after the value"):
        decode(b"\x01\x02\x03")


def test_extension_types_are_refused():
    with pytest.raises(InternalError, match="type 0xd4"):
        decode(b"\xd4\x01\x02")
