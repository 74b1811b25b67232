"""linalg on memrefs to kernels for any GPU, in the dialects gpu, arith, math, vector, memref, scf.

``flat`` reads a nest as loops with strides; ``groups`` finds neighbours that work on the same rows,
by comparing ``walks``, and ``phases`` what of them takes one pass. ``choice`` and ``widths`` decide
who does what: one work-item per result (``points``), a subgroup or a block per row (``rows``,
``row_values``), tiles in workgroup memory (``transposes``), a reduction shared by blocks
(``parts``, ``slices``), a scan along rows (``scans``). ``body`` rebuilds the scalar body, ``joins``
tells how partial results are joined and ``meeting`` joins those of work-items, ``memory`` loads and
stores, ``numbers`` is integer arithmetic; ``site`` opens kernels, ``launch`` has one for each form,
``stage`` is the pipeline step.
"""
