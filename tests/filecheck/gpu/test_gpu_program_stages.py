"""What the stages of whole programs make of host code around kernels."""

import json
import re

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.targets.common.gpu.programs.calls import LaunchCalls
from pharos.targets.common.gpu.programs.copies import WaitingCopies
from pharos.targets.common.gpu.programs.linalg import LinalgKernels
from pharos.targets.common.gpu.programs.merged import MergedKernels
from pharos.targets.common.gpu.programs.places import PLACES
from pharos.targets.common.gpu.programs.sides import KernelFunctions, mark_kernel_functions
from pharos.targets.common.gpu.programs.sizes import LaunchSizes


def after(text, *stages):
    module = ir.parse(text)
    for stage in stages:
        stage.run(module)
        ir.verify(module)
    return module


def lines(module, part):
    return [line.strip() for line in ir.to_text(module).splitlines() if part in line]


def test_copies_and_fills_get_streams_unless_they_have_one():
    module = after(
        """
        func.func @main(%a: memref<4xf32>, %b: memref<4xf32>, %v: f32) {
          gpu.memcpy %a, %b : memref<4xf32>, memref<4xf32>
          gpu.memset %a, %v : memref<4xf32>, f32
          %t = gpu.wait async
          %u = gpu.memcpy async [%t] %a, %b : memref<4xf32>, memref<4xf32>
          gpu.wait [%u]
          return
        }""",
        WaitingCopies(),
    )
    assert len(lines(module, "gpu.memcpy async")) == 2
    assert len(lines(module, "gpu.memset async")) == 1
    assert len(lines(module, "gpu.wait async")) == 3
    assert len(lines(module, "gpu.wait [")) == 3


LAUNCH = """
func.func @main(%n: index, %m: memref<?xindex>) {{
  gpu.launch blocks(%a, %b, %c) in (%g = %n, %h = %n, %i = %n)
             threads(%t, %u, %v) in (%x = %n, %y = %n, %z = %n) {{
    {}
    gpu.terminator
  }}
  return
}}"""


@pytest.mark.parametrize(
    ("ask", "value"),
    [("", "%x"), ("", "%h"), ("%d = gpu.block_dim z", "%d"), ("%d = gpu.grid_dim x", "%d")],
)
def test_kernels_get_the_sizes_that_the_host_knows(ask, value):
    module = after(
        LAUNCH.format(f"{ask}\n memref.store {value}, %m[%t] : memref<?xindex>"), LaunchSizes()
    )
    (store,) = lines(module, "memref.store")
    assert re.fullmatch(r"memref\.store %arg0, %arg1\[%\w+\] : memref<\?xindex>", store)
    assert not lines(module, "_dim z") + lines(module, "_dim x")


def test_linalg_becomes_launches_and_loops_of_the_program_stay():
    module = after(
        """
        func.func @main(%a: memref<?x?xf32>, %r: memref<f32>, %v: f32) {
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %c4 = arith.constant 4 : index
          linalg.fill ins(%v : f32) outs(%a : memref<?x?xf32>)
          linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>],
                          iterator_types = ["reduction", "reduction"]}
            ins(%a : memref<?x?xf32>) outs(%r : memref<f32>) {
          ^bb0(%x: f32, %s: f32):
            %t = arith.addf %x, %s : f32
            linalg.yield %t : f32
          }
          scf.parallel (%i) = (%c0) to (%c4) step (%c1) {
            memref.store %v, %a[%i, %i] : memref<?x?xf32>
            scf.reduce
          }
          return
        }""",
        LinalgKernels(),
    )
    assert len(lines(module, "gpu.launch ")) == 2
    assert len(lines(module, "scf.parallel")) == 1
    assert not lines(module, "linalg.")
    assert not lines(module, "pharos.host")
    assert lines(module, "arith.constant 256")


def test_kernels_of_all_modules_are_in_one_under_names_of_their_own():
    kernel = """
        llvm.mlir.global private @room() {addr_space = 3 : i32} : !llvm.array<4 x i8>
        llvm.func @main_kernel() attributes {gpu.kernel} {
          %0 = llvm.mlir.addressof @room : !llvm.ptr<3>
          llvm.return
        }"""
    module = after(
        f"""
        module attributes {{gpu.container_module}} {{
          func.func @main(%n: index) {{
            gpu.launch_func @first::@main_kernel blocks in (%n, %n, %n) threads in (%n, %n, %n)
            gpu.launch_func @second::@main_kernel blocks in (%n, %n, %n) threads in (%n, %n, %n)
            return
          }}
          gpu.module @first {{ {kernel} }}
          gpu.module @second {{ {kernel} }}
        }}""",
        MergedKernels(),
    )
    found = re.findall(r"launch_func\s+@(\w+)::@(\w+)", ir.to_text(module))
    assert found == [("kernels", "main_kernel"), ("kernels", "main_kernel_1")]
    assert [re.search(r"@(\w+)", line)[1] for line in lines(module, "addressof")] == [
        "room", "room_1"
    ]  # fmt: skip
    assert len(lines(module, "gpu.module")) == 1


HOST = """
module attributes {gpu.container_module} {
  llvm.func @mgpuMemFree(!llvm.ptr, !llvm.ptr)
  llvm.func @other(!llvm.ptr)
  llvm.func @main(%p: !llvm.ptr, %n: i64, %x: TYPE) {
    gpu.launch_func @kernels::@k blocks in (%n, %n, %n) threads in (%n, %n, %n) : i64
                    args(%p : !llvm.ptr, %x : TYPE)
    llvm.call @mgpuMemFree(%p, %p) : (!llvm.ptr, !llvm.ptr) -> ()
    llvm.call @other(%p) : (!llvm.ptr) -> ()
    llvm.return
  }
  gpu.module @kernels {
    llvm.func @k(%p: !llvm.ptr, %x: TYPE) attributes {gpu.kernel} { llvm.return }
  }
}"""


def test_launches_and_calls_of_the_run_time_are_ours_with_places():
    module = after(HOST.replace("TYPE", "bf16"), LaunchCalls())
    called = [re.search(r"@(\w+)", line)[1] for line in lines(module, "llvm.call @")]
    assert called == ["pharos_gpu_launch", "pharos_mgpuMemFree", "other"]
    assert not lines(module, "llvm.func @mgpuMemFree")
    launch, freed = json.loads(module.operation.attributes[PLACES].value)
    assert launch["kernel"] == "k"
    assert launch["types"] == ["ptr", "bf16"]
    assert launch["span"][1] == 6
    assert set(freed) == {"span"}
    assert freed["span"][1] == 8


def test_an_operand_that_no_slot_holds_is_told():
    with pytest.raises(UserError) as caught:
        after(HOST.replace("TYPE", "vector<4xf32>"), LaunchCalls())
    assert "a kernel takes pointers and numbers of at most 64 bits" in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.line == 6


SIDES = """
func.func @lane() -> index {{
  %i = gpu.lane_id
  return %i : index
}}
func.func @helper() -> index {{
  %i = func.call @lane() : () -> index
  return %i : index
}}
func.func @main() {{
  {}
  return
}}"""


def test_functions_for_kernels_are_private_and_go():
    module = after(SIDES.format(""))
    mark_kernel_functions(module)
    assert lines(module, "func.func private @lane")
    assert lines(module, "func.func private @helper")
    KernelFunctions().run(module)
    assert lines(module, "func.func") == ["func.func @main() {"]


def test_a_host_that_comes_to_them_is_told():
    with pytest.raises(UserError, match=r"'gpu\.lane_id' is for kernels") as caught:
        mark_kernel_functions(after(SIDES.format("func.call @helper() : () -> index")))
    assert caught.value.span is not None
    assert caught.value.span.line == 3
    assert caught.value.notes[0].span.line == 11
