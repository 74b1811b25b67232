"""From kernels in LLVM's dialect to SPIR-V, and the tools that check it."""
