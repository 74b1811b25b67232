"""Intel GPUs through XeGPU, XeVM and SPIR-V."""
