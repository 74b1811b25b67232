"""Convolutions over an input with zeros put in, as one convolution for each phase of the output.

``row`` is the arithmetic of one dimension, ``placed`` and ``stuffed`` recognise what can be
rewritten, ``stage`` rewrites it.
"""
