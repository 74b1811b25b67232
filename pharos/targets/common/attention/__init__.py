"""Fused attention: reading the operation that stands for it, and what its kernels share."""
