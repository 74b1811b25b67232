"""Kernels in LLVM IR, and the objects that LLVM makes of them."""

from __future__ import annotations

from pharos.targets.amd import hsaco
from pharos.targets.amd.facts import CHIPS

KERNELS = """
@tile = internal addrspace(3) global [64 x float] undef, align 16
declare i32 @llvm.amdgcn.workitem.id.x()
declare void @llvm.amdgcn.s.barrier()

define amdgpu_kernel void @through_lds(ptr addrspace(1) %a, ptr addrspace(1) %b, i32 %n) #0
    !reqd_work_group_size !0 {
  %x = call i32 @llvm.amdgcn.workitem.id.x()
  %i = zext i32 %x to i64
  %from = getelementptr float, ptr addrspace(1) %a, i64 %i
  %v = load float, ptr addrspace(1) %from
  %there = getelementptr float, ptr addrspace(3) @tile, i64 %i
  store float %v, ptr addrspace(3) %there
  call void @llvm.amdgcn.s.barrier()
  %other = xor i64 %i, 63
  %here = getelementptr float, ptr addrspace(3) @tile, i64 %other
  %w = load float, ptr addrspace(3) %here
  %to = getelementptr float, ptr addrspace(1) %b, i64 %i
  store float %w, ptr addrspace(1) %to
  ret void
}

define amdgpu_kernel void @from_table(ptr addrspace(1) %b) #0 !reqd_work_group_size !0 {
  %x = call i32 @llvm.amdgcn.workitem.id.x()
  %i = zext i32 %x to i64
  %from = getelementptr [64 x i32], ptr addrspace(4) @table, i64 0, i64 %i
  %v = load i32, ptr addrspace(4) %from
  %to = getelementptr i32, ptr addrspace(1) %b, i64 %i
  store i32 %v, ptr addrspace(1) %to
  ret void
}

attributes #0 = { "amdgpu-flat-work-group-size"="64,64" "uniform-work-group-size" }
!0 = !{i32 64, i32 1, i32 1}
"""
TABLE = ", ".join(f"i32 {7 * n + 3}" for n in range(64))
KERNELS += f"@table = internal addrspace(4) constant [64 x i32] [{TABLE}]\n"


def object_of(text: str, chip: str) -> bytes:
    """The relocatable object that LLVM makes of ``text``."""
    module, machine = hsaco.optimized(text, CHIPS[chip])
    return bytes(machine.emit_object(module))
