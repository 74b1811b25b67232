"""The code that stage cpu-attention writes."""

from __future__ import annotations

import re

import pytest

from pharos.core.errors import UserError
from pharos.toolchain import Request, lower, mlir_payload
from tests.numeric.cpu_attention.attention_forms import Form


def lowered(form: Form, **parameters) -> str:
    own = {"simd_bits": 512, "registers": 32, "threads": 2, **parameters}
    request = Request(parameters=own, driving={"stop_after": "cpu-attention"})
    return str(lower(mlir_payload(form.text()), request).module)


def function(text: str, name: str) -> str:
    return text.split(f"func.func private @{name}(")[1].split("\n  }\n")[0]


def test_nothing_is_left_of_the_operation() -> None:
    text = lowered(Form((1, 2), 100, 100, 64))
    assert "linalg" not in text
    assert "pharos.softmax_weighted_sum" not in text
    assert "scf.parallel" in function(text, "f_attention0_attention")


def test_no_buffer_has_all_scores() -> None:
    """64 rows of scores of 80 keys, whatever the number of keys."""
    params = {"query_tile": 64, "query_block": 64, "key_tile": 80}
    for keys in (1000, 100000):
        text = function(lowered(Form((1, 1), 640, keys, 64, params=params)), "f_attention0_blocks")
        made = re.findall(r"memref.alloc\((?:%c(\d+)\w*)?\).*memref<(\d+|\?)xf32>", text)
        sizes = [int(given or fixed) for given, fixed in made]
        assert len(sizes) >= 4
        assert max(sizes) <= 64 * 80


def test_causal_tiles_without_a_mask_and_with_one() -> None:
    """Where every row sees every key, nothing is compared: of three kernels of scores two mask."""
    plain = function(lowered(Form((1, 1), 100, 100, 64)), "f_attention0_blocks")
    causal = function(lowered(Form((1, 1), 100, 100, 64, causal=0)), "f_attention0_blocks")
    vectors = r"arith.cmpi sle, .* : vector<16xindex>"
    assert not re.findall(vectors, plain)
    masked = len(re.findall(vectors, causal))
    sums = len(re.findall(r"arith.maximumf|arith.cmpf olt", causal))
    assert 0 < masked < sums


def test_equal_attentions_share_functions() -> None:
    one = Form((1, 2), 40, 50, 32).text()
    head, call = one.split("  linalg.generic", 1)
    call = call.rsplit("  return", 1)[0]
    twice = head + "  linalg.generic" + call + "  linalg.generic" + call + "  return\n}"
    request = Request(driving={"stop_after": "cpu-attention"})
    text = str(lower(mlir_payload(twice), request).module)
    assert len(re.findall(r"func.func private @f_attention", text)) == 2
    assert text.count("call @f_attention0_attention(") == 2


def test_few_rows_split_their_keys_and_join_them() -> None:
    text = lowered(Form((1, 1), 1, 4096, 64, params={"key_splits": 2}))
    assert "@f_attention0_rows" in text
    assert "@f_attention0_merge" in text
    assert "@f_attention0_merge" not in lowered(Form((1, 8), 1, 4096, 64))


def test_a_head_size_that_is_not_known_is_an_error_with_its_place() -> None:
    text = Form((1, 1), 10, 10, 64).text().replace("10x64xf32", "10x?xf32")
    with pytest.raises(UserError, match="head sizes from 1 to 4096, found one that is known only"):
        lower(mlir_payload(text), Request(driving={"stop_after": "cpu-attention"}))
