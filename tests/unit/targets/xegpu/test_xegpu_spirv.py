"""From the LLVM dialect to SPIR-V: arguments, wide loads, bf16 as bits, emission, tools."""

import re
import shutil

import llvmlite.binding as llvm
import pytest

from pharos import ir
from pharos.core.errors import InternalError, UserError
from pharos.runtime.child import in_child
from pharos.targets.common.gpu.device_code import llvm_ir
from pharos.targets.xegpu.kernel_form import KernelForm
from pharos.targets.xegpu.spirv import emit, tools
from pharos.targets.xegpu.spirv.bf16_bits import bf16_as_bits
from pharos.targets.xegpu.spirv.builtins import known, plain_name
from pharos.targets.xegpu.spirv.symbols import undefined_names
from pharos.targets.xegpu.spirv.wide_loads import split_wide_loads
from pharos.targets.xegpu.static_shared import StaticShared
from pharos.targets.xegpu.target import XEGPU

BMG = XEGPU.chips["bmg"]
KERNEL = """
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<8x16xf32>, %n: index, %y: memref<128xbf16>)
        workgroup(%s: memref<128xf32, #gpu.address_space<workgroup>>)
        kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
      %i = gpu.thread_id x
      %j = arith.remui %i, %n : index
      %c0 = arith.constant 0 : index
      %v = memref.load %x[%c0, %j] : memref<8x16xf32>
      memref.store %v, %s[%i] : memref<128xf32, #gpu.address_space<workgroup>>
      gpu.barrier
      %one, %sixteen = arith.constant 1 : i32, arith.constant 16 : i32
      %o, %valid = gpu.shuffle xor %v, %one, %sixteen : f32
      %w = memref.load %s[%j] : memref<128xf32, #gpu.address_space<workgroup>>
      %t = arith.addf %w, %o : f32
      %b = arith.truncf %t : f32 to bf16
      memref.store %b, %y[%i] : memref<128xbf16>
      gpu.return
    }
  }
}
""".replace(
    "%one, %sixteen = arith.constant 1 : i32, arith.constant 16 : i32",
    "%one = arith.constant 1 : i32\n      %sixteen = arith.constant 16 : i32",
)
PASSES = (
    "gpu.module(arith-expand{include-bf16=true},convert-gpu-to-llvm-spv{use-64bit-index=true},"
    "reconcile-unrealized-casts,convert-to-llvm,reconcile-unrealized-casts,canonicalize,cse)"
)


def lowered(text):
    module = ir.parse(text)
    for stage in (StaticShared(), KernelForm(16)):
        stage.run(module)
    ir.verify(module)
    ir.run_passes(module, PASSES)
    return module


@pytest.fixture(scope="module")
def kernel():
    return llvm_ir(lowered(KERNEL), XEGPU, BMG)


def test_a_memref_is_one_pointer_and_local_memory_is_an_array(kernel):
    signature = re.search(r"define spir_kernel void @k\((.*?)\) !dbg", kernel)[1]
    kinds = [re.sub(r" %\d+$", "", part) for part in signature.split(", ")]
    assert kinds == ["ptr addrspace(1)", "i64", "ptr addrspace(1)"]
    assert "@k_local0 = internal addrspace(3) global [128 x float] undef, align 64" in kernel


def test_the_subgroup_size_is_fixed(kernel):
    number = re.search(r"!intel_reqd_sub_group_size (!\d+)", kernel)[1]
    assert f"{number} = !{{i32 16}}" in kernel


def test_bf16_is_bits(kernel):
    assert "bfloat" not in kernel
    assert "store i16" in kernel


def test_spirv_text_says_what_the_kernel_is(kernel):
    text = in_child(lambda report: emit.assembly(kernel))
    assert re.search(r"OpExecutionMode %\d+ SubgroupSize 16", text)
    assert re.search(r'OpEntryPoint Kernel %\d+ "k"', text)
    assert "OpControlBarrier" in text
    assert "OpTypeFloat 32" in text


def test_spirv_begins_with_its_magic_number(kernel):
    made = in_child(lambda report: emit.generate(kernel, BMG))
    assert made.code[:4] == emit.MAGIC
    assert "OpEntryPoint" in made.text


@pytest.mark.skipif(shutil.which(tools.SPIRV_VAL) is None, reason="spirv-val is not installed")
def test_spirv_val_accepts_the_kernel(kernel):
    tools.validate(in_child(lambda report: emit.binary(emit.without_cache_controls(kernel))))


@pytest.mark.skipif(shutil.which(tools.SPIRV_VAL) is None, reason="spirv-val is not installed")
def test_spirv_val_refuses_what_is_wrong():
    with pytest.raises(UserError, match="spirv-val refuses"):
        tools.validate(emit.MAGIC + b"\x00" * 16)


def test_a_kernel_that_uses_a_dynamic_size_is_refused():
    text = KERNEL.replace("memref<8x16xf32>", "memref<8x?xf32>")
    with pytest.raises(InternalError, match="sizes or strides of its arguments"):
        llvm_ir(lowered(text), XEGPU, BMG)


def test_dynamic_local_memory_becomes_an_array():
    text = """
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
      %i = gpu.thread_id x
      %c0 = arith.constant 256 : index
      %d = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
      %s = memref.view %d[%c0][] : memref<?xi8, #gpu.address_space<workgroup>>
          to memref<64xf32, #gpu.address_space<workgroup>>
      %v = memref.load %x[%i] : memref<64xf32>
      memref.store %v, %s[%i] : memref<64xf32, #gpu.address_space<workgroup>>
      gpu.return
    }
  }
  func.func @f(%x: memref<64xf32>) {
    %one = arith.constant 1 : index
    %many = arith.constant 64 : index
    %bytes = arith.constant 512 : i32
    gpu.launch_func @kernels::@k blocks in (%one, %one, %one) threads in (%many, %one, %one)
        dynamic_shared_memory_size %bytes args(%x : memref<64xf32>)
    return
  }
}
"""
    module = lowered(text)
    assert "dynamic_shared_memory_size" not in str(module)
    assert "addrspace(3) global [512 x i8] undef, align 64" in llvm_ir(module, XEGPU, BMG)


WIDE = """
llvm.func @k(%p: !llvm.ptr) -> vector<8xi16> {
  %w = llvm.load %p : !llvm.ptr -> vector<32xi16>
  %b = llvm.bitcast %w : vector<32xi16> to vector<32xf16>
  %u = llvm.mlir.poison : vector<32xf16>
  %v = llvm.shufflevector %b, %u [16, 17, 18, 19, 20, 21, 22, 23] : vector<32xf16>
  %r = llvm.bitcast %v : vector<8xf16> to vector<8xi16>
  llvm.return %r : vector<8xi16>
}
"""


def test_wide_loads_are_split():
    module = ir.parse(WIDE)
    with module.context:
        split_wide_loads(module)
    text = str(module)
    assert "vector<32x" not in text.replace("llvm.mlir.poison : vector<32xf16>", "")
    assert "llvm.getelementptr %arg0[32] : (!llvm.ptr) -> !llvm.ptr, i8" in text
    assert "llvm.load" in text and "vector<8xf16>" in text


SECOND_USE = "llvm.store %w, %p : vector<32xi16>, !llvm.ptr"


@pytest.mark.parametrize(
    "change",
    [
        ("16, 17, 18, 19, 20, 21, 22, 23", "16, 18, 20, 22, 24, 26, 28, 30"),
        ("vector<32xi16>\n  %b", f"vector<32xi16>\n  {SECOND_USE}\n  %b"),
    ],
)
def test_only_what_is_contiguous_is_split_and_no_use_is_lost(change):
    module = ir.parse(WIDE.replace(*change))
    with module.context:
        split_wide_loads(module)
    ir.verify(module)
    assert "-> vector<32xi16>" in str(module)


def test_bf16_constants_keep_their_bits():
    module = ir.parse("""
llvm.func @k(%p: !llvm.ptr) {
  %a = llvm.mlir.constant(-1.5 : bf16) : bf16
  %b = llvm.mlir.constant(dense<2.0> : vector<4xbf16>) : vector<4xbf16>
  %c = llvm.mlir.constant(dense<[1.0, -2.0]> : vector<2xbf16>) : vector<2xbf16>
  llvm.store %a, %p : bf16, !llvm.ptr
  llvm.store %b, %p : vector<4xbf16>, !llvm.ptr
  llvm.store %c, %p : vector<2xbf16>, !llvm.ptr
  llvm.return
}
""")
    with module.context:
        bf16_as_bits(module)
    ir.verify(module)
    text = str(module)
    assert "bf16" not in text
    assert f"constant({0xBFC0 - 0x10000} : i16)" in text
    assert f"dense<{0x4000}> : vector<4xi16>" in text
    assert f"dense<[{0x3F80}, {0xC000 - 0x10000}]> : vector<2xi16>" in text


def test_bf16_arithmetic_is_refused():
    module = ir.parse("llvm.func @k(%a: bf16) -> bf16 {\n  %b = llvm.fadd %a, %a : bf16\n"
                      "  llvm.return %b : bf16\n}")  # fmt: skip
    with (
        module.context,
        pytest.raises(InternalError, match=r"arithmetic is left in a kernel: llvm\.fadd"),
    ):
        bf16_as_bits(module)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("_Z12get_group_idj", True),
        ("_Z7barrierj", True),
        ("_Z21sub_group_shuffle_xorfj", True),
        ("_Z41intel_sub_group_2d_block_read_16b_8r16x1cPU3AS1viiiDv2_iPt", True),
        ("_Z38intel_sub_group_f16_f16_matrix_mad_k16Dv8_sDv8_iDv8_f", True),
        ("_Z4sinff", False),
        ("expf", False),
        ("_Z9get_thingj", False),
    ],
)
def test_what_drivers_supply(name, answer):
    assert known(name) is answer


def test_mangled_names_are_read():
    assert plain_name("_Z7barrierj") == "barrier"
    assert plain_name("barrier") is None


def elf(called):
    """An object file that calls ``called``, which it does not have."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple("x86_64-unknown-linux-gnu").create_target_machine()
    text = f"declare void @{called}()\ndefine void @k() {{\n  call void @{called}()\n  ret void\n}}"
    return machine.emit_object(llvm.parse_assembly(text))


MAD = "_Z38intel_sub_group_f16_f16_matrix_mad_k16Dv8_sDv8_iDv8_f"


def test_undefined_symbols_of_elf_files():
    assert undefined_names(elf(MAD)) == {MAD}
    assert undefined_names(b"no ELF file") == set()


def test_unresolved_functions_are_refused():
    with pytest.raises(UserError, match=r"left functions unresolved \(.*matrix_mad"):
        tools.resolved(elf(MAD))
    with pytest.raises(UserError, match=r"left functions unresolved \(all\)"):
        tools.resolved(b"CTNI Intel_Symbol_Table_Void_Program")
    # Its own relocations, and the SPIR-V that it keeps beside the code, say nothing.
    good = elf("__INTEL_PATCH_CROSS_THREAD_OFFSET_OFF_R0") + MAD.encode()
    assert tools.resolved(good) == good


def test_a_missing_tool_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="ocloc is not installed"):
        tools.compile_binary(emit.MAGIC, "bmg")
    assert all("not installed (optional" in check() for check in tools.CHECKS.values())


def test_an_old_ocloc_is_refused(monkeypatch, tmp_path):
    """A compiler that calls it a success when functions are names still."""
    script = tmp_path / "ocloc"
    script.write_text("#!/bin/sh\nprintf Intel_Symbol_Table_Void_Program > kernels\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="unresolved"):
        tools.compile_binary(emit.MAGIC, "pvc")


def test_a_failing_ocloc_says_why(monkeypatch, tmp_path):
    script = tmp_path / "ocloc"
    script.write_text("#!/bin/sh\necho 'unknown device' >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="fails for bmg: unknown device"):
        tools.compile_binary(emit.MAGIC, "bmg")
