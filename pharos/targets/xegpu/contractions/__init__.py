"""Products of f16 and bf16 matrices as XeGPU kernels at workgroup level."""
