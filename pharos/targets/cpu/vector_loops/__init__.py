"""linalg on memrefs to register-tiled vector loops, one kernel function per operation.

Operations are read as loop nests (``targets/common/nests``); ``partial`` and ``rows`` simplify and
group them; ``choice`` decides which loop becomes vectors, which are unrolled into registers and
which is split over threads; ``memory`` loads and stores, ``kernel`` writes the loops,
``functions`` puts them into functions, ``launch`` calls those, ``stage`` is the pipeline step.
"""
