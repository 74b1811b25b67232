"""exp, tanh and their kin as arithmetic on f32, so that loops over vectors call no library.

``fit`` computes the polynomials, ``functions`` holds one function each beside its accuracy,
``stage`` replaces the operations of the math dialect.
"""
