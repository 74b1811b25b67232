"""GPT-2 as payloads of static shape: ``device.lisp`` for one checkpoint's sizes.

T tokens of a call, P positions of the cache, C channels, NH heads, D head size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pharos import toolchain
from pharos.ingress.checkpoints import Config

SOURCE = Path(__file__).with_name("device.lisp")
EMBED, LAYER, LAST, HEAD = "gpt2_embed", "gpt2_layer", "gpt2_last", "gpt2_head"
# The tensors of one layer in the order in which ``gpt2_layer`` takes them.
OF_A_LAYER = (
    "ln1w", "ln1b", "qkvw", "qkvb", "attprojw", "attprojb",
    "ln2w", "ln2b", "fcw", "fcb", "fcprojw", "fcprojb",
)  # fmt: skip
# Those that are stored as the checkpoint's element type; the others, which are small, as f32.
MATRICES = frozenset({"wte", "wpe", "qkvw", "attprojw", "fcw", "fcprojw"})

Shapes = Mapping[str, Sequence[Sequence[int]]]


def decoding(config: Config, dtype: str, positions: int) -> toolchain.Payload:
    """One token through the model: ``EMBED``, ``LAYER`` and ``HEAD``."""
    shapes = _shapes(config, 1, positions)
    return _payload({name: shapes[name] for name in (EMBED, LAYER, HEAD)}, dtype)


def reading(config: Config, dtype: str, positions: int, tokens: int) -> toolchain.Payload:
    """``tokens`` tokens of a prompt at once: ``EMBED``, ``LAYER`` and ``LAST``."""
    shapes = _shapes(config, tokens, positions)
    return _payload({name: shapes[name] for name in (EMBED, LAYER, LAST)}, dtype)


def _shapes(config: Config, T: int, P: int) -> Shapes:
    """The shape of every argument of each function."""
    C, NH, V = config.channels, config.heads, config.vocabulary
    layer = [config.shapes[name][1:] for name in OF_A_LAYER]
    cache = (NH, P, config.head_size)
    return {
        EMBED: [(T, C), (T,), (), (V, C), config.shapes["wpe"]],
        LAYER: [(T, C), *layer, (), cache, cache],
        LAST: [(1, C), (T, C), (), ()],
        HEAD: [(1, C), (C,), (C,), (V, C), (1, V), (1,), ()],
    }


def _payload(shapes: Shapes, dtype: str) -> toolchain.Payload:
    source = toolchain.read_payload(SOURCE)

    def make() -> Any:
        # Code from the cache needs no MLIR: it is imported only when there is work to do.
        from pharos.transform.narrow_storage import NarrowStorage
        from pharos.transform.static_shapes import give_shapes

        module = source.make()
        give_shapes(module, {name: dict(enumerate(sizes)) for name, sizes in shapes.items()})
        return NarrowStorage(dtype).run(module)

    text = f"{source.text}\n; weights: {dtype}\n; shapes: {shapes}"
    return replace(source, text=text, make=make, exports=tuple(shapes), program=False)
