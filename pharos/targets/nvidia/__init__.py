"""NVIDIA GPUs (sm_80, sm_90a): kernels for tensor cores, PTX, and what its instructions mean."""
