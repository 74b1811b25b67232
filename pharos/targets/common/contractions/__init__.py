"""Contractions (matrix products, convolutions) as all targets read them, and as GPUs compute them.

``contraction`` recognises one in a linalg operation, ``surroundings`` finds the fill before it and
the elementwise operation after it, ``result`` says how a result begins and ends.

On GPUs: ``unit`` is the interface between the writer of kernels and a vendor's matrix instruction,
``fma_unit`` its portable implementation. ``tiles`` are the sizes of a kernel, ``walk`` the way from
rows, columns and inner steps to memory, ``staging`` brings tiles of the factors into workgroup
memory, ``gpu_kernel`` has the loops, ``ending`` writes the result; ``gpu_stage`` finds the
contractions of a module and replaces them.
"""
