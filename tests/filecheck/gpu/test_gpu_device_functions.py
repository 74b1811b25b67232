"""Exact functions of device libraries become LLVM's instructions; others are refused by name."""

import pytest

from pharos import ir
from pharos.core.errors import ErrorList, UserError
from pharos.targets.common.gpu.device_functions import DeviceFunctions
from pharos.targets.common.gpu.vetting import vet

MODULE = """
module attributes {{gpu.container_module}} {{
  gpu.module @kernels {{
    {declared}
    llvm.func @k(%x: f32, %y: f64, %p: !llvm.ptr) attributes {{gpu.kernel}} {{
      {body}
      llvm.return
    }}
  }}
}}
"""


def made(declared, body):
    module = ir.parse(MODULE.format(declared=declared, body=body))
    DeviceFunctions().run(module)
    ir.verify(module)
    return module


@pytest.mark.parametrize(
    ("function", "kind", "operation"),
    [
        ("__nv_sqrtf", "f32", "llvm.intr.sqrt"),
        ("__nv_floor", "f64", "llvm.intr.floor"),
        ("__nv_rintf", "f32", "llvm.intr.roundeven"),
        ("__ocml_ceil_f32", "f32", "llvm.intr.ceil"),
        ("__ocml_trunc_f64", "f64", "llvm.intr.trunc"),
    ],
)
def test_exact_functions(function, kind, operation):
    value = "%x" if kind == "f32" else "%y"
    module = made(
        f"llvm.func @{function}({kind}) -> {kind}",
        f"%r = llvm.call @{function}({value}) : ({kind}) -> {kind}\n"
        f"llvm.store %r, %p : {kind}, !llvm.ptr",
    )
    text = ir.to_text(module)
    assert operation in text and function not in text


def test_a_reciprocal_root_is_a_root_and_a_division():
    module = made(
        "llvm.func @__nv_rsqrtf(f32) -> f32",
        "%r = llvm.call @__nv_rsqrtf(%x) : (f32) -> f32\nllvm.store %r, %p : f32, !llvm.ptr",
    )
    text = ir.to_text(module)
    assert "llvm.intr.sqrt" in text and "llvm.fdiv" in text and "__nv" not in text


def test_what_no_instruction_does_is_named_with_its_place():
    module = made(
        "llvm.func @__nv_lgamma(f64) -> f64",
        "%r = llvm.call @__nv_lgamma(%y) : (f64) -> f64\nllvm.store %r, %p : f64, !llvm.ptr",
    )
    with pytest.raises(UserError, match="a kernel calls '__nv_lgamma'") as caught:
        vet(module.operation, ("llvm.",), lambda name: False)
    assert caught.value.span.line == 6
    vet(module.operation, ("llvm.",), lambda name: name == "__nv_lgamma")


def test_operations_that_would_crash_translation_are_named():
    module = made("", "%i = gpu.thread_id x\n%s = arith.addi %i, %i : index")
    with pytest.raises(ErrorList) as caught:
        vet(module.operation, ("llvm.",), lambda name: False)
    told = [error.message for error in caught.value.errors]
    assert told == [
        "'gpu.thread_id' has no translation to LLVM IR",
        "'arith.addi' has no translation to LLVM IR",
    ]
