"""What ``kernels.launched`` writes: a kernel, its launch, and how operands get there."""

import pytest

from pharos import ir
from pharos.core.errors import InternalError, UserError
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.gpu import entries
from pharos.targets.common.gpu.kernels import launched, workgroup_type
from pharos.targets.common.gpu.launches import Described, Pointer
from pharos.targets.common.gpu.reading import Reader

PLAIN = """func.func @main(%a: memref<8xf32>, %b: memref<8xf32>) {
  memref.copy %a, %b : memref<8xf32> to memref<8xf32>
  return
}"""
MOVING = """func.func @main(%a: memref<4x8xf32>, %n: index) {
  %v = memref.subview %a[%n, 0] [1, 8] [1, 1]
    : memref<4x8xf32> to memref<8xf32, strided<[1], offset: ?>>
  memref.copy %v, %v
    : memref<8xf32, strided<[1], offset: ?>> to memref<8xf32, strided<[1], offset: ?>>
  return
}"""


def anchor(module):
    found = []

    def visit(operation):
        if operation.name == "memref.copy":
            found.append(operation)
        return mlir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found[0]


def stored(kernel):
    """Write one element of the last argument."""
    memref, arith = dialect("memref"), dialect("arith")
    zero = arith.constant(mlir.IndexType.get(), 0)
    memref.store(memref.load(kernel.arguments[0], [zero]), kernel.arguments[-1], [zero])


def test_a_kernel_and_its_launch():
    module = ir.parse(PLAIN)
    copy = anchor(module)
    with module.context:
        shared = workgroup_type([4, 8], mlir.F32Type.get())
    for _ in range(2):
        with launched(
            copy, "copy it", list(copy.operands), grid=(3,), block=(32, 2), workgroup=[shared],
            dynamic_shared=64,
        ) as kernel:  # fmt: skip
            assert kernel.workgroup[0].type == shared
            stored(kernel)
    copy.erase()
    ir.verify(module)
    text = ir.to_text(module)
    assert "gpu.func @copy_it_0(" in text and "gpu.func @copy_it_1(" in text
    assert "workgroup(%arg2 : memref<4x8xf32, #gpu.address_space<workgroup>>)" in text
    assert "known_block_size = array<i32: 32, 2, 1>" in text
    assert "known_grid_size = array<i32: 3, 1, 1>" in text
    assert "dynamic_shared_memory_size %c64_i32" in text
    assert text.count("gpu.module @kernels") == 1 and "gpu.container_module" in text


def test_a_view_that_moves_is_its_buffer_and_its_offset():
    module = ir.parse(MOVING)
    copy = anchor(module)
    with launched(copy, "copy", [copy.operands[0]], grid=(1,), block=(1,)) as kernel:
        assert "offset: ?" in str(kernel.arguments[0].type)
        stored(kernel)
    copy.erase()
    ir.verify(module)
    assert "gpu.func @copy_0(%arg0: memref<f32>, %arg1: index)" in ir.to_text(module)


def test_sizes_that_nobody_knows_are_refused_at_their_place():
    text = (
        "func.func @main(%a: memref<?xf32>) {\n memref.copy %a, %a : memref<?xf32> to memref<?xf32>"
    )
    module = ir.parse(text + "\n return }")
    copy = anchor(module)
    with (
        pytest.raises(UserError, match="sizes and strides are known") as caught,
        launched(copy, "copy", [copy.operands[0]], grid=(1,), block=(1,)),
    ):
        pass
    assert caught.value.span.line == 2


def test_a_grid_of_nothing_is_our_mistake():
    module = ir.parse(PLAIN)
    copy = anchor(module)
    with (
        pytest.raises(InternalError, match="one to three sizes"),
        launched(copy, "copy", list(copy.operands), grid=(0,), block=(1,)),
    ):
        pass


def test_a_described_operand_is_told_to_the_device():
    module = ir.parse(PLAIN)
    (entry,) = entries.prepare(module)["entries"]
    copy = anchor(module)
    with launched(
        copy, "copy", list(copy.operands), grid=(1,), block=(1,), described={1: {"box": [8]}}
    ) as kernel:
        stored(kernel)
    copy.erase()
    (step,) = Reader(module).program(entry).steps
    assert step.operands == (Pointer(0, 0), Described(Pointer(1, 0), '{"box": [8]}'))
    assert 'pharos.described = ["", "{\\22box\\22: [8]}"]' in ir.to_text(module)
