"""Convolutions and poolings: windows that move over an input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from pharos.payload.contraction import initial_of, multiplied
from pharos.payload.facts import Convolution
from pharos.payload.graph import Node
from pharos.payload.maps import element_of, loops_of, plain_loops, product
from pharos.payload.structured import Structured

Window: TypeAlias = tuple[int, int, int, int]
"""The output's loop, the window's loop, stride and dilation of one dimension."""


def convolution_of(node: Node) -> Convolution | None:
    """``node`` as a convolution; None when it is none."""
    nest = node.structured
    if nest is None or not nest.reductions:
        return None
    factors = multiplied(nest)
    if factors is None or nest.inputs != 2:
        return None
    windows = [windows_of(nest, i) for i in factors[:2]]
    image = factors[0] if windows[0] else factors[1]
    weights = factors[1] if windows[0] else factors[0]
    pairs = windows_of(nest, image)
    kernel, out = plain_loops(nest.accesses[weights]), plain_loops(nest.outputs[0])
    if not pairs or kernel is None or out is None:
        return None
    roles = _conv_roles(nest, image, set(kernel), set(out), pairs)
    if roles is None:
        return None
    return _convolution(node, nest, roles, pairs, (image, weights, 2))


def windows_of(nest: Structured, operand: int) -> list[Window]:
    """The dimensions of an operand that a window moves over."""
    found = []
    for index in nest.accesses[operand]:
        if index is None:
            return []
        if len(index.terms) == 2:
            (first, one), (second, two) = index.terms
            if first in nest.reductions:
                (first, one), (second, two) = (second, two), (first, one)
            if first in nest.reductions or second in nest.parallel:
                return []
            found.append((first, second, one, two))
        elif index.terms and index.loop is None:
            return []
    return found


def _conv_roles(
    nest: Structured, image: int, kernel: set[int], out: set[int], pairs: Sequence[Window]
) -> dict[int, str] | None:
    """n (batch), g (group), c (channel), f (feature), o (place) or w (window) for each loop."""
    roles = {}
    moved = {loop for pair in pairs for loop in pair[:2]}
    reached = loops_of(nest.accesses[image])
    for loop in range(nest.loops):
        if loop in moved:
            roles[loop] = "o" if loop in out else "w"
            continue
        where = (loop in reached, loop in kernel, loop in out)
        role = {
            (True, False, True): "n",
            (True, True, True): "g",
            (True, True, False): "c",
            (False, True, True): "f",
        }.get(where)
        if role is None:
            return None
        roles[loop] = role
    return roles


def _convolution(
    node: Node,
    nest: Structured,
    roles: dict[int, str],
    pairs: Sequence[Window],
    operands: tuple[int, int, int],
) -> Convolution:
    sizes = {role: product(nest.sizes[d] for d, r in roles.items() if r == role) for role in "ngcf"}
    types = [element_of(nest.operands[i].type) for i in operands]
    return Convolution(
        operation=node.operation,
        batch=sizes["n"],
        groups=sizes["g"],
        channels=sizes["c"],
        features=sizes["f"],
        space=tuple(nest.sizes[pair[0]] for pair in pairs),
        window=tuple(nest.sizes[pair[1]] for pair in pairs),
        strides=tuple(pair[2] for pair in pairs),
        dilations=tuple(pair[3] for pair in pairs),
        layouts=_layouts(nest, roles, operands),
        lhs=types[0],
        rhs=types[1],
        dtype=types[2],
        initial=initial_of(node),
    )


def _layouts(
    nest: Structured, roles: dict[int, str], operands: tuple[int, int, int]
) -> tuple[str, str, str]:
    """The letters of each operand's dimensions; a window moves over those written s."""

    def letters(operand: int) -> str:
        return "".join(
            "s" if index is None or index.loop is None else roles[index.loop]
            for index in nest.accesses[operand]
        )

    return letters(operands[0]), letters(operands[1]), letters(operands[2])
