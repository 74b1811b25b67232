"""Tensors without elements are made anew: nothing computes them.

    view(x: 31x0x33, [0, 33])  ==>  full([0, 33], 0)

torch-mlir divides by the number of elements where it lowers a view, which ends the process when
that is 0.
"""

from __future__ import annotations

from typing import Any

import torch


def without_empty_views(graph: Any) -> None:
    """Replace, in place, each operator of ``graph`` whose result has no element by a new tensor."""
    for node in list(graph.nodes):
        value = node.meta.get("val")
        if node.op != "call_function" or not isinstance(value, torch.Tensor):
            continue
        shape = list(value.shape)
        if 0 not in shape or not all(type(size) is int for size in shape):
            continue
        with graph.inserting_before(node):
            options = {"dtype": value.dtype, "device": torch.device("cpu"), "pin_memory": False}
            new = graph.call_function(torch.ops.aten.full.default, (shape, 0), options)
        new.meta = dict(node.meta)
        node.replace_all_uses_with(new)
        graph.erase_node(node)
