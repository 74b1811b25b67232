"""pharos payload: modules on stdout, refusals in one line."""

from __future__ import annotations

import pytest

from pharos import ir
from pharos.ingress.payloads import BUILDERS


def test_a_module_is_printed_with_its_operations(pharos):
    found = pharos(
        "payload", "matmul", "--m", 8, "--n", 4, "--k", 2, "--bias", "--form", "category"
    )
    assert found.status == 0 and found.err == ""
    assert found.out.startswith("// 128 floating-point operations\n")
    assert "linalg.contract" in found.out
    ir.parse(found.out)


def test_every_builder_has_a_command(pharos):
    text = pharos("payload", "--help").out
    assert all(f"  {name} " in text for name in BUILDERS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["matmul", "--m", 8, "--n", 4, "--k", 2, "--tiles", "4,4,4"],
         "error: --tiles with k 2 is not supported: 4 does not divide it"),
        (["softmax", "--shape", "4,x"], "error: --shape: expected numbers such as 3,4"),
        (["conv", "--channels", 3, "--features", 4, "--size", 8, "--window", 3, "--groups", 2],
         "error: --groups 2 with --channels 3 is not supported"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line(pharos, arguments, said):
    found = pharos("payload", *arguments)
    assert found.status == 1 and found.out == ""
    assert found.err.startswith(said) and found.err.count("\n") == 1


def test_a_size_that_is_missing(pharos):
    found = pharos("payload", "matmul", "--m", 8)
    assert found.status == 2 and "Missing option '--n'" in found.err
