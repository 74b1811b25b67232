"""linalg on memrefs to kernels for any GPU, in the dialects gpu, arith, math, vector, memref, scf.

``flat`` reads a nest as loops with strides; ``groups`` finds neighbours that work on the same rows;
``choice`` decides who does what: one work-item per result (``points``), a subgroup or a block per
row (``rows``), a tile through workgroup memory (``transposes``), a reduction shared by blocks
(``parts``). ``body`` rebuilds the scalar body, ``memory`` loads and stores, ``meeting`` joins the
partial results of work-items, ``numbers`` is integer arithmetic. ``stage`` is the pipeline step.
"""
