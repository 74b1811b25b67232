"""Slices of tensors without contents are tensors without contents."""

from __future__ import annotations

from pharos import ir
from pharos.transform.empty_slices import EmptySlices


def program(whole: str) -> str:
    return f"""
func.func @f(%x: tensor<4x8xf32>) -> tensor<4x4xf32> {{
  %e = tensor.empty() : tensor<4x8xf32>
  %s = tensor.extract_slice {whole}[0, 1] [4, 4] [1, 2] : tensor<4x8xf32> to tensor<4x4xf32>
  return %s : tensor<4x4xf32>
}}"""


def rewritten(whole: str) -> str:
    module = ir.parse(program(whole))
    EmptySlices().run(module)
    ir.verify(module)
    return ir.to_text(module)


def test_a_slice_of_an_empty_tensor_is_one():
    text = rewritten("%e")
    assert "extract_slice" not in text
    assert "tensor.empty() : tensor<4x4xf32>" in text


def test_a_slice_of_anything_else_stays():
    assert "tensor.extract_slice %arg0" in rewritten("%x")
