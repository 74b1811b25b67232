"""Contraction kernels of sm_90: a warpgroup copies tiles by TMA, others multiply them by wgmma.

``factors`` says which factors TMA can bring and how they lie in shared memory, ``sums`` where wgmma
leaves its sums, ``kernel`` has both roles, ``instructions`` writes what they are made of.
"""
