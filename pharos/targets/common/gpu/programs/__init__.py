"""Programs whose host part is CPU code and whose kernels are a GPU's.

    func.func @main { ... gpu.launch { kernel } ... }
      -> copies.py    copies and fills that wait for nobody get a stream to wait for
      -> sizes.py     kernels take the sizes of their launch as arguments
      -> linalg.py    what linalg computes becomes launches, one work-item per point
      -> MLIR         kernels outlined and lowered, the host lowered around them
      -> merged.py    all kernels in one gpu.module
      -> calls.py     launches and calls of MLIR's GPU run time become calls of ours, with places
      -> kernels.py   the gpu.module as an archive of code, as functions on arrays have it
      -> session.py   at run time: what those calls do, over a driver, real or simulated

The host part knows the sizes of its launches only when it runs, so it is code; the launch
descriptions of ``launches.py`` are for functions on arrays alone. ``toolchain/hosted.py`` puts the
two halves together.
"""
