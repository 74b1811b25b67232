"""Where a work-item is: in its workgroup, in the grid, in its wave."""

from __future__ import annotations

from pharos.simt import Call, Meanings, Value, Writer, meaning

TABLE = Meanings("places")
_GUIDE = "LLVM, User Guide for AMDGPU Backend, "


@meaning(
    TABLE,
    r"llvm\.amdgcn\.workitem\.id\.(?P<axis>[xyz])",
    source=_GUIDE + '"Initial Kernel Execution State": work-item ids in VGPRs',
)
def workitem_id(w: Writer, call: Call) -> Value:
    """The work-item's place in its workgroup along an axis."""
    return w.thread("xyz".index(call.match["axis"]))


@meaning(
    TABLE,
    r"llvm\.amdgcn\.workgroup\.id\.(?P<axis>[xyz])",
    source=_GUIDE + '"Initial Kernel Execution State": workgroup ids in SGPRs',
)
def workgroup_id(w: Writer, call: Call) -> Value:
    """The workgroup's place in the grid along an axis."""
    return w.block("xyz".index(call.match["axis"]))


@meaning(TABLE, r"llvm\.amdgcn\.wavefrontsize", source=_GUIDE + '"LLVM IR Intrinsics"')
def wavefront_size(w: Writer, call: Call) -> Value:
    """Lanes of a wave."""
    return w.constant(w.subgroup_size)


@meaning(
    TABLE,
    r"llvm\.amdgcn\.mbcnt\.(?P<half>lo|hi)",
    source="RDNA3 ISA, 16 Instructions, VOP3 opcodes, V_MBCNT_LO_U32_B32 and V_MBCNT_HI_U32_B32",
)
def masked_bit_count(w: Writer, call: Call) -> Value:
    """mask, sum -> sum and the bits of the mask that stand for lanes below this one.

    The mask is that of lanes 0 to 31 ("lo") or 32 to 63 ("hi").
    """
    mask, start = call.arguments
    below = lanes_below(w, w.lane, call.match["half"] == "hi")
    return start + w.intrinsic("ctpop", mask & below)


def lanes_below(w: Writer, lane: Value, high: bool) -> Value:
    """The lanes below ``lane`` among the first or the second 32, a bit each, i32."""
    wide = (w.constant(1, "i64") << w.convert(lane, "i64")) - 1
    return w.convert(wide >> 32 if high else wide, "i32")
