"""What the functions mean that XeGPU kernels call, for ``pharos.simt``: lane by lane.

``places`` (identifiers, barriers), ``shuffles``, ``blocks`` (2-D block loads and stores) and
``matrices`` (dpas) each hold some, beside the manual that says so.
"""

from pharos.targets.xegpu.meanings import blocks, hints, matrices, places, shuffles
from pharos.targets.xegpu.meanings.table import FAMILIES, TABLE

__all__ = ["FAMILIES", "TABLE", "blocks", "hints", "matrices", "places", "shuffles"]
