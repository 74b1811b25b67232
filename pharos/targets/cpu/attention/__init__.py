"""Fused attention: softmax(score(Q K^T)) V without a matrix of scores in memory.

``site`` says what a kernel function sees; ``parameters`` chooses tile sizes; ``staging`` copies
blocks into the order that kernels read, ``extras`` masks. With query rows on lanes: ``scores`` and
``weights`` are the steps of a ``query_tile``, ``tiles`` the loops around it, ``finish`` stores
results. With keys on lanes, for few query rows (decoding): ``row_tile``, ``rows`` the loops,
``records`` what is kept of a row, ``merge`` joins splits of the keys. ``launch`` cuts the work over
threads, ``stage`` is the pipeline step.
"""
