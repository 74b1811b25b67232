"""``forward.lisp`` for one checkpoint's sizes and one kind of call, as the CPU runs it.

Head and layer sizes in the types let the attention become one kernel, and the loops over channels
whole vectors. Which kind of call it is decides the rest:

    step   one token; products are matrix times vector
    read   a prompt from its first token on, and the logits of its last; nothing comes before it,
           so whether a key lies after a query is known from their numbers
    more   any tokens at any position, logits of any number of them
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pharos import toolchain
from pharos.ingress.checkpoints import Config

SOURCE = Path(__file__).with_name("forward.lisp")
ENTRY = "gpt2_forward"
KINDS = ("step", "read", "more")
# Weights that are stored as 8-bit integers with a scale for each row: all that are large.
SCALED = ("wte", "qkvw", "attprojw", "fcw", "fcprojw")
_OPEN = -1
_START = 17  # the argument that is the position of the first token


def payload(config: Config, dtype: str, kind: str) -> toolchain.Payload:
    """The forward pass for ``kind`` of call, its weights stored as ``dtype``.

    That is "f32", "bf16", or "int8": then those that ``SCALED`` names are, and scales for their
    rows are further arguments at the end, in that order; the others are f32.
    """
    source = toolchain.read_payload(SOURCE)
    shapes = _shapes(config, kind)
    numbers = {_START: 0} if kind == "read" else {}

    def make() -> Any:
        # Code from the cache needs no MLIR: it is imported only when there is work to do.
        from pharos.transform.narrow_storage import NarrowStorage
        from pharos.transform.scaled_storage import store_scaled
        from pharos.transform.static_shapes import give_shapes

        module = source.make()
        give_shapes(module, {ENTRY: shapes}, {ENTRY: numbers})
        if dtype != "int8":
            return NarrowStorage(dtype).run(module)
        names = list(config.shapes)
        store_scaled(module, ENTRY, [names.index(name) for name in SCALED])
        return module

    text = f"{source.text}\n; weights: {dtype}\n; shapes: {shapes}\n; numbers: {numbers}"
    return replace(source, text=text, make=make, exports=(ENTRY,), program=False)


def _shapes(config: Config, kind: str) -> dict[int, tuple[int, ...]]:
    """The shape of every argument that is an array; -1 for sizes that calls decide."""
    C, NH, D = config.channels, config.heads, config.head_size
    weights = [tuple(shape) for shape in config.shapes.values()]
    cache = (config.layers, NH, _OPEN, D)
    activations = [(1 if kind == "step" else _OPEN, width) for width in (C, C, 3 * C, C, 4 * C)]
    logits = (_OPEN if kind == "more" else 1, weights[0][0])
    tokens = activations[0][:1]
    listed = [*weights, tokens, (), cache, cache, *activations, logits]
    shapes = {number: shape for number, shape in enumerate(listed) if number != _START}
    return shapes if kind == "step" else _only_heads(shapes)


def _only_heads(shapes: dict[int, tuple[int, ...]]) -> dict[int, tuple[int, ...]]:
    """``shapes`` without the sizes that attention does not need.

    Products of equal types are compiled once, and a layer has four of them with several sizes.
    """
    return {
        number: (
            *(1 if n == 1 else _OPEN for n in shape[:-1]),
            shape[-1] if len(shape) == 4 else _OPEN,
        )
        for number, shape in shapes.items()
    }
