"""Conversions to bf16 that LLVM calls a library for and GCC's library lacks before version 13."""

from __future__ import annotations

from pharos.targets.cpu.jit import load_ir

# f32 to bf16 rounds to nearest even by adding just under half of the last place that stays; a
# NaN keeps its upper bits and becomes quiet. f64 goes through f32 rounded to odd, which leaves a
# trace of everything that was cut off, so that the second rounding is the right one (Boldo and
# Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to
# odd", 2008).
IR = """
define bfloat @__truncsfbf2(float %x) {
  %bits = bitcast float %x to i32
  %high = lshr i32 %bits, 16
  %even = and i32 %high, 1
  %half = add i32 %even, 32767
  %sum = add i32 %bits, %half
  %rounded = lshr i32 %sum, 16
  %quiet = or i32 %high, 64
  %nan = fcmp uno float %x, %x
  %result = select i1 %nan, i32 %quiet, i32 %rounded
  %short = trunc i32 %result to i16
  %value = bitcast i16 %short to bfloat
  ret bfloat %value
}

define bfloat @__truncdfbf2(double %x) {
  %near = fptrunc double %x to float
  %back = fpext float %near to double
  %exact = fcmp ueq double %back, %x
  %far = call double @llvm.fabs.f64(double %back)
  %size = call double @llvm.fabs.f64(double %x)
  %above = fcmp ogt double %far, %size
  %bits = bitcast float %near to i32
  %step = zext i1 %above to i32
  %down = sub i32 %bits, %step
  %odd = or i32 %down, 1
  %chosen = select i1 %exact, i32 %bits, i32 %odd
  %single = bitcast i32 %chosen to float
  %value = call bfloat @__truncsfbf2(float %single)
  ret bfloat %value
}

declare double @llvm.fabs.f64(double)
"""
NAMES = frozenset({"__truncsfbf2", "__truncdfbf2"})


def address(name: str) -> int:
    """The address of one of ``NAMES``."""
    found: int = load_ir(IR, "pharos-rounding")[name]
    return found
