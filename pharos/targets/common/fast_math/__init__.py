"""Functions of the math dialect as arithmetic on f32, so that loops over vectors call no library.

``fit`` computes the polynomials, ``functions`` is the table of all with their accuracy, ``stage``
replaces the operations. f64, and what is not in the table, stays with the C library.
"""
