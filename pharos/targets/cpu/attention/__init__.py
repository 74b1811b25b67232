"""Fused attention: softmax(score(Q K^T)) V without a matrix of scores in memory.

``site`` says what a kernel function sees; ``parameters`` chooses tile sizes; ``staging`` copies
blocks into the order that kernels read; ``scores`` and ``weights`` are the steps of a tile,
``tiles`` the loops around them for blocks of query rows, ``finish`` stores their results; ``rows``
is the kernel for few query rows (decoding), ``merge`` joins splits of the keys; ``launch`` cuts the
work over threads, ``stage`` is the pipeline step.
"""
