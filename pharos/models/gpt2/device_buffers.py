"""What a GPT-2 keeps on its device: weights, cache, and the state of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pharos.ingress.checkpoints import Checkpoint
from pharos.models.gpt2.device_payload import MATRICES, OF_A_LAYER
from pharos.runtime import Buffer


@dataclass(frozen=True)
class Weights:
    """A checkpoint's tensors: the ``layers`` in the order that ``gpt2_layer`` takes them.

    ``wte`` (V, C) has the tokens that there are, without the padding of the file.
    """

    wte: Buffer
    wpe: Buffer
    lnfw: Buffer
    lnfb: Buffer
    layers: Sequence[Sequence[Buffer]]

    @staticmethod
    def upload(device: Any, checkpoint: Checkpoint, dtype: Any) -> Weights:
        """Matrices as ``dtype``, vectors as float32; each layer's in memory of its own."""

        def up(name: str, array: Any) -> Buffer:
            wanted = dtype if name in MATRICES else np.dtype(np.float32)
            buffer: Buffer = device.upload(np.ascontiguousarray(array.astype(wanted, copy=False)))
            return buffer

        tensors, config = checkpoint.tensors, checkpoint.config
        return Weights(
            up("wte", tensors["wte"][: config.vocabulary]),
            up("wpe", tensors["wpe"]),
            up("lnfw", tensors["lnfw"]),
            up("lnfb", tensors["lnfb"]),
            [[up(name, tensors[name][n]) for name in OF_A_LAYER] for n in range(config.layers)],
        )


@dataclass(frozen=True)
class State:
    """The cache of every layer, keys and values (NH, P, D), and where the text is.

    ``token`` (1) is the one to read next, ``position`` its place; ``row`` (1, C) the activations
    of the newest token, ``logits`` (1, V) what follows from them.
    """

    cache: Sequence[tuple[Buffer, Buffer]]
    token: Buffer
    position: Buffer
    row: Buffer
    logits: Buffer

    @staticmethod
    def allocate(device: Any, checkpoint: Checkpoint, capacity: int) -> State:
        """An empty text; ``capacity`` positions P.

        The cache starts with zeros: what no token has written is read, and counts for nothing.
        """
        config = checkpoint.config
        empty = np.zeros((config.heads, capacity, config.head_size), np.float32)
        return State(
            [(device.upload(empty), device.upload(empty)) for _ in range(config.layers)],
            device.upload(np.zeros(1, np.int32)),
            device.upload(np.zeros((), np.int32)),
            device.upload(np.zeros((1, config.channels), np.float32)),
            device.upload(np.zeros((1, config.vocabulary), np.float32)),
        )


@dataclass(frozen=True)
class Prompt:
    """Room for ``T`` tokens that are read at once: ``tokens`` (T), their ``rows`` (T, C), and the
    number of the row whose logits are wanted."""

    tokens: Buffer
    rows: Buffer
    last: Buffer

    @staticmethod
    def allocate(device: Any, channels: int, count: int) -> Prompt:
        """Room for ``count`` tokens."""
        return Prompt(
            device.upload(np.zeros(count, np.int32)),
            device.upload(np.zeros((count, channels), np.float32)),
            device.upload(np.zeros((), np.int32)),
        )
