"""The intrinsics of LLVM that mean the same on every processor and that the host's code has."""

from __future__ import annotations

import re

# Everything else is refused by name: what the host's code generator cannot translate would end
# the process.
_WORDS = """
abs assume bitreverse bswap canonicalize ceil copysign cos ctlz ctpop cttz donothing exp exp10 exp2
expect fabs floor fma fmuladd frexp fshl fshr is.constant is.fpclass ldexp lifetime.end
lifetime.start log log10 log2 lrint lround llrint llround masked.gather masked.load masked.scatter
masked.store maximum maximumnum maxnum memcpy memcpy.inline memmove memset minimum minimumnum minnum
nearbyint pow powi rint round roundeven sadd.sat sadd.with.overflow scmp sin smax smin
smul.with.overflow sqrt sshl.sat ssub.sat ssub.with.overflow tan tanh trunc uadd.sat
uadd.with.overflow ucmp umax umin umul.with.overflow usub.sat usub.with.overflow ushl.sat
vector.reduce.add vector.reduce.and vector.reduce.fadd vector.reduce.fmax vector.reduce.fmaximum
vector.reduce.fmin vector.reduce.fminimum vector.reduce.fmul vector.reduce.mul vector.reduce.or
vector.reduce.smax vector.reduce.smin vector.reduce.umax vector.reduce.umin vector.reduce.xor
fptosi.sat fptoui.sat vector.insert vector.extract vector.reverse vector.interleave2
vector.deinterleave2 asin acos atan atan2 sinh cosh sincos threadlocal.address
experimental.noalias.scope.decl ssa.copy stepvector convert.to.fp16 convert.from.fp16
"""
_KNOWN = frozenset(_WORDS.split())
_SUFFIX = re.compile(r"(?:\.(?:[a-z]*\d+[a-z\d]*|s_s?|p\d+))+$")


def is_generic(name: str) -> bool:
    """Whether the host's code can do the intrinsic ``llvm.<word>[.<types>]``."""
    if not name.startswith("llvm."):
        return False
    word = name.removeprefix("llvm.")
    return word in _KNOWN or _SUFFIX.sub("", word) in _KNOWN
