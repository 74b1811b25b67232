"""linalg on memrefs to register-tiled vector loops, one kernel function per operation.

``nest`` reads an operation into a loop nest with access patterns; ``start``, ``partial``, ``rows``
and ``coalesce`` simplify and group nests; ``choice`` decides which loop becomes vectors, which are
unrolled into registers and which is split over threads; ``body`` rebuilds the scalar body on
vectors, ``memory`` loads and stores, ``kernel`` writes the loops, ``functions`` puts them into
functions, ``launch`` calls those, ``stage`` is the pipeline step.
"""
