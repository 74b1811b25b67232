"""Parameters on operations: an attribute, and a copy in the location.

MLIR drops attributes that it does not know when it makes one operation of two; the location of the
consumer it keeps. So what was written can be put back on what became of the operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.ir.bindings import mlir

PARAMETERS = "pharos.params"
"""The attribute: a dictionary of 64-bit integers."""

MOTIF = "pharos.motif"
"""Beside it, the key of the motif that the parameters are for."""


def write_parameters(operation: Any, values: Mapping[str, int], motif: str = "") -> None:
    """Write ``values`` on ``operation``, and the key of the ``motif`` that they are for."""
    with operation.context:
        i64 = mlir.IntegerType.get_signless(64)
        made = {name: mlir.IntegerAttr.get(i64, value) for name, value in values.items()}
        attribute = mlir.DictAttr.get(made)
        operation.attributes[PARAMETERS] = attribute
        if motif:
            operation.attributes[MOTIF] = mlir.StringAttr.get(motif)
        metadata = mlir.DictAttr.get({PARAMETERS: attribute})
        operation.location = mlir.Location.fused([operation.location], metadata)


def restore_parameters(operation: Any) -> bool:
    """Put back what was written on the operation that ``operation`` stands for.

    Returns whether there was any, and none on ``operation`` itself.
    """
    if PARAMETERS in operation.attributes:
        return False
    with operation.context:
        found = _carried(operation.location)
        if found is None:
            return False
        operation.attributes[PARAMETERS] = found
    return True


def _carried(location: Any) -> Any:
    """The attribute that ``location`` carries, None when it carries none."""
    location = mlir.Location.from_attr(location.attr, location.context)
    if isinstance(location, mlir.CallSiteLoc):
        return _carried(location.callee)
    if isinstance(location, mlir.NameLoc):
        return _carried(location.child_loc)
    if not isinstance(location, mlir.FusedLoc):
        return None
    # Metadata comes without its subclass.
    metadata = location.metadata.maybe_downcast() if location.metadata is not None else None
    if isinstance(metadata, mlir.DictAttr) and PARAMETERS in metadata:
        return metadata[PARAMETERS]
    found = (_carried(inner) for inner in location.locations)
    return next((one for one in found if one is not None), None)
