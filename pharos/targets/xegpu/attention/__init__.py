"""Attention of f16 and bf16 as XeGPU kernels at workgroup level."""
