"""Code objects of LLVM IR: what LLVM's back end is given, and what is refused."""

from __future__ import annotations

import re

import pytest
from amd_kernels import KERNELS

from pharos.core.errors import InternalError
from pharos.targets.amd import hsaco
from pharos.targets.amd.facts import CHIPS
from pharos.targets.amd.target import AMD
from pharos.targets.common.gpu.generating import generate


def test_the_report_tells_what_each_kernel_needs(chip):
    made = hsaco.generate(KERNELS, CHIPS[chip])
    assert sorted(made.report) == ["from_table", "through_lds"]
    assert made.report["through_lds"]["lds"] == 256
    assert made.report["from_table"]["wave"] == CHIPS[chip].subgroup_size
    assert made.code[:4] == b"\x7fELF"


def test_assembly_is_that_of_the_chip(chip):
    text = hsaco.assembly(KERNELS, CHIPS[chip])
    assert f"amdgcn-amd-amdhsa--{chip}" in text and "ds_" in text


def test_traps_stop_the_wave(chip):
    """LLVM's own trap ends this process for gfx1100."""
    text = KERNELS.replace(
        "ret void\n}\n\nattributes", "call void @llvm.trap()\n  ret void\n}\n\nattributes"
    )
    text += "declare void @llvm.trap()\n"
    assembly = hsaco.assembly(text, CHIPS[chip])
    if CHIPS[chip].traps:
        assert "s_trap 2" in assembly
    else:
        told = (r"s_sendmsg_rtn_b32 .*GET_DOORBELL", r"s_sendmsg .*INTERRUPT", "s_sethalt 5")
        assert re.search(".*".join(told), assembly, re.S)
    assert set(hsaco.generate(text, CHIPS[chip]).report) == {"from_table", "through_lds"}


def test_workgroups_are_uniform(chip):
    """All blocks have the same size: nothing reads the size of the grid at run time."""
    module, _ = hsaco.optimized(KERNELS, CHIPS[chip])
    assert '"uniform-work-group-size"="true"' in str(module)


def test_functions_that_are_nowhere_are_named():
    text = KERNELS.replace(
        "ret void\n}\n\nattributes", "call void @lost()\n  ret void\n}\n\nattributes"
    )
    with pytest.raises(InternalError, match="lost"):
        hsaco.generate(text + "declare void @lost()\n", CHIPS["gfx942"])


def test_arguments_that_only_a_runtime_knows_are_refused():
    """What a kernel without known sizes would ask for."""
    text = KERNELS.replace(
        "%other = xor i64 %i, 63",
        """%hidden = call ptr addrspace(4) @llvm.amdgcn.implicitarg.ptr()
  %blocks = load i32, ptr addrspace(4) %hidden
  %more = zext i32 %blocks to i64
  %other = xor i64 %i, %more""",
    )
    text += "declare ptr addrspace(4) @llvm.amdgcn.implicitarg.ptr()\n"
    with pytest.raises(InternalError, match="asks the runtime for hidden_block_count_x"):
        hsaco.generate(text, CHIPS["gfx1100"])


def test_what_ends_llvm_is_an_error_here(monkeypatch, tmp_path):
    """More workgroup memory than a chip has: LLVM's back end ends its process, a child."""
    monkeypatch.setenv("PHAROS_REPRODUCERS", str(tmp_path))
    text = KERNELS.replace("[64 x float]", "[20000 x float]")
    with pytest.raises(InternalError, match=r"amd:gfx1100 ended by .*local memory \(80000\)"):
        generate(text, AMD, CHIPS["gfx1100"])
