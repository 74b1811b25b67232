"""Launch descriptions become plain data and come back equal."""

import json

import pytest

from pharos.targets.common.gpu.launches import (
    Copy,
    Given,
    Launch,
    Memory,
    Number,
    Pointer,
    Program,
    Result,
    Write,
    from_data,
    to_data,
)

PROGRAM = Program(
    (Memory("argument", 64, 1), Memory("scratch", 128), Memory("constant", 8, 0)),
    (
        Launch(
            "k", (2, 1, 1), (128, 1, 1), 64, (Pointer(0, 16), Number("f32", "0000803f")), "a:1:2"
        ),
        Launch("k", (1, 1, 1), (1, 1, 1), 0, (Given(3),)),
        Copy(Pointer(0, 0), Pointer(1, 64), 64, "a:2:2"),
        Write(Pointer(1, 0), "00ff"),
    ),
    (Result(Pointer(1, 0), "f32", (4, 8), (8, 1)),),
)


def test_json_and_back():
    assert from_data(json.loads(json.dumps(to_data(PROGRAM)))) == PROGRAM


def test_only_launches_run_kernels():
    assert [launch.kernel for launch in PROGRAM.launches] == ["k", "k"]


def test_what_is_no_description_is_refused():
    with pytest.raises(ValueError, match="not part of a launch description"):
        from_data({"is": "banana", "size": 1})
