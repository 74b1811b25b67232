"""Contractions (matrix products, convolutions) as all targets read them, and as GPUs compute them.

``contraction`` recognises one in a linalg operation, ``surroundings`` finds the fill before it and
the elementwise operation after it, ``result`` says how a result begins and ends. ``unit`` is the interface between the
writer of kernels and a vendor's matrix instruction, ``fma_unit`` its portable implementation.
"""
