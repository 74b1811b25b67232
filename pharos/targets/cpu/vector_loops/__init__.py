"""linalg on memrefs to register-tiled vector loops, one kernel function per operation.

``nest`` reads an operation into a loop nest with access patterns, ``choice`` decides which loop
becomes vectors, which are unrolled into registers and which is split over threads, ``body``
rebuilds the scalar body on vectors, ``kernel`` writes the loops, ``stage`` is the pipeline step.
"""
