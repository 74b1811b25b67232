"""The road of every GPU target, real or simulated; it names no vendor.

    linalg on tensors                  pipelines/gpu-payload.yaml
      -> linalg on memrefs in a host function
      -> kernels.launched: each kernel stage replaces operations by a gpu.func and its launch
      -> reading.py: what is left of the host function, as data (launches.py)
      -> device.py: the gpu.module as LLVM IR text, checked first (vetting.py), in LLVM 22's words
      -> generating.py: the vendor's code, made in a child process
      -> archive.py: one zip with the kernels, the artifact's code
      -> simulated.py: the device that executes the LLVM IR on the CPU (pharos.simt)

A vendor's folder supplies a ``kind.GpuKind``: read ``kind.py`` to write one, and ``kernels.py`` to
write a kernel stage.
"""
