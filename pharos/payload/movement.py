"""Data movement, scans, and the other operations that are known by their names."""

from __future__ import annotations

from pharos.payload.contraction import copies_input
from pharos.payload.elementwise import reads_elsewhere
from pharos.payload.facts import Movement
from pharos.payload.graph import Node
from pharos.payload.maps import element_of, loops_of, plain_loops, shape_of

_FORMS = {
    "tensor.pad": "pad",
    "tensor.concat": "concat",
    "tensor.gather": "gather",
    "tensor.scatter": "scatter",
    "tensor.extract_slice": "slice",
    "tensor.insert_slice": "insert",
    "memref.copy": "copy",
    "linalg.pack": "pack",
    "linalg.unpack": "unpack",
    "tm_tensor.scatter": "scatter",
    "tm_tensor.sort": "sort",
    "tm_tensor.topk": "topk",
}


def moves(node: Node) -> bool:
    """Whether ``node`` only puts data elsewhere."""
    return form_of(node) is not None


def form_of(node: Node) -> str | None:
    """The kind of movement that ``node`` is; None when it computes."""
    nest = node.structured
    if nest is None:
        return _FORMS.get(node.name)
    if nest.reductions or node.name == "linalg.fill":
        return None
    if reads_elsewhere(nest):
        return "gather"
    if not copies_input(nest):
        return None
    source, target = loops_of(nest.accesses[0]), loops_of(nest.accesses[1])
    if source != target:
        return None if not source and not shape_of(nest.operands[0].type) else "broadcast"
    same = plain_loops(nest.accesses[0]) == plain_loops(nest.accesses[1])
    return "copy" if same else "transpose"


def movement_of(node: Node) -> Movement | None:
    """``node`` as a movement; None when it is none."""
    form = form_of(node)
    if form is None:
        return None
    value = node.outputs[0] if node.outputs else node.operation.operands[-1]
    return Movement(
        operation=node.operation,
        form=form,
        shape=shape_of(value.type),
        dtype=element_of(value.type),
    )
