"""GPT-2 on a device with memory of its own: everything stays there from token to token.

The calls that make one token are a graph, which is launched once per token; what changes (token,
position) is in buffers that the kernels themselves move on. The host reads the token, or the
logits where it draws tokens itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.ingress.checkpoints import Checkpoint, open_checkpoint
from pharos.models.gpt2.device_buffers import Prompt, State, Weights
from pharos.models.gpt2.device_graphs import Graphs
from pharos.models.gpt2.model import (
    CHUNK,
    Timing,
    checked_dtype,
    checked_positions,
    checked_tokens,
)
from pharos.models.gpt2.weights import DTYPES

# The cache's positions are a multiple of this, so that tiles of keys fit.
_POSITIONS = 32
# A prompt is read by this many tokens at least, the last of which may be none.
_LEAST_CHUNK = 8


@dataclass
class DeviceGpt2:
    """A checkpoint on a device, ready to be called; offers what ``model.Gpt2`` offers.

    ``dtype`` is how the matrices are stored, "f32" or "bf16"; vectors, cache and arithmetic are
    f32. A text is read from its start (``prefill``) and goes on token by token (``step``).
    """

    checkpoint: Checkpoint
    dtype: str
    target: str
    positions: int
    graphs: Graphs
    timing: Timing
    # The position of the token that comes next, and that token where the host knows it.
    _position: int = field(default=0, init=False)
    _next: int | None = field(default=None, init=False)

    @staticmethod
    def load(
        path: str | Path,
        *,
        dtype: str | None = None,
        target: str,
        positions: int = 0,
        prompt: int = CHUNK,
    ) -> DeviceGpt2:
        """Compile the checkpoint at ``path`` for ``target``, and bring it to the device.

        ``positions`` bounds the length of the text, 0 for the checkpoint's maximum; ``prompt``
        says how long prompts are, so that few tokens are not read as if they were many. Raises
        UserError for a bad file, dtype or length, and where the target has no device here.
        """
        start = time.perf_counter()
        checkpoint = open_checkpoint(path)
        dtype = checked_dtype(checkpoint.config, dtype)
        length = checked_positions(checkpoint.config, positions)
        device = toolchain.target(target).open_device()
        chunk = min(CHUNK, max(_LEAST_CHUNK, 1 << (prompt - 1).bit_length()))
        unit = max(_POSITIONS, chunk)
        capacity = -(-length // unit) * unit
        memory = (
            Weights.upload(device, checkpoint, DTYPES[dtype]),
            State.allocate(device, checkpoint, capacity),
            Prompt.allocate(device, checkpoint.config.channels, chunk),
        )
        loaded = time.perf_counter()
        graphs = Graphs(device, target, checkpoint.config, dtype, capacity, *memory)
        if prompt > 1:
            graphs.reading()
        timing = Timing(loaded - start, time.perf_counter() - loaded)
        return DeviceGpt2(checkpoint, dtype, target, length, graphs, timing)

    def ready(self, prompt: int) -> None:
        """Nothing: ``load`` compiled for prompts of all lengths."""

    @property
    def launches(self) -> int:
        """The kernels that a token takes."""
        return self.graphs.launches

    @property
    def device(self) -> Any:
        """Where it is."""
        return self.graphs.device

    def prefill(self, tokens: Sequence[int]) -> DeviceLogits:
        """Read ``tokens`` as a new text, and wait; the logits after the last."""
        ids = self._checked(tokens)
        self._put(0, self.graphs.state.position)
        self._position, self._next = 0, None
        if len(ids) == 1:
            self.step(tokens[0], 0)
        else:
            starts = range(0, len(ids), self._chunk)
            for at in starts:
                self._read(ids, at)
            self._row(starts[-1], (len(ids) - 1) % self._chunk)
        self.device.synchronize()  # the time that prompts take is the caller's to measure
        return DeviceLogits(self)

    def step(self, token: int, position: int | None = None) -> DeviceLogits:
        """Read ``token``, which is at ``position``, the text's next; the logits after it, for
        which nobody waits before somebody looks."""
        position = self._position if position is None else position
        if position != self._position or position >= self.positions:
            raise UserError(
                f"expected the token at position {self._position} of {self.positions}, found one "
                f"at {position}"
            )
        if token != self._next:
            ids = checked_tokens(self.checkpoint.config, [token])
            self.device.copy(ids, self.graphs.state.token)
        self.graphs.token.launch()
        self._position, self._next = position + 1, None
        return DeviceLogits(self)

    def logits(self, tokens: Sequence[int]) -> Any:
        """The logits at every position of ``tokens``: float32 (T, vocabulary)."""
        ids = self._checked(tokens)
        rows = []
        for place in range(len(ids)):
            at, row = place - place % self._chunk, place % self._chunk
            if row == 0:
                self._read(ids, at)
            rows.append(np.asarray(self._row(at, row)))
        return np.stack(rows)

    def likeliest(self) -> int:
        """The token with the largest logit after the last one that was read."""
        if self._next is None:
            self._next = int(self.device.download(self.graphs.state.token)[0])
        if self._next >= self.checkpoint.config.vocabulary:
            self._next = None
            raise UserError(
                f"{self.checkpoint.path}: the logits are not numbers",
                hint="check the checkpoint: pharos gpt2 logits --target cpu writes them to a file",
            )
        return self._next

    @property
    def _chunk(self) -> int:
        """Tokens of a prompt that are read at once."""
        return int(self.graphs.prompt.tokens.shape[0])

    def _checked(self, tokens: Sequence[int]) -> Any:
        if not 0 < len(tokens) <= self.positions:
            raise UserError(f"expected 1 to {self.positions} tokens, found {len(tokens)}")
        return checked_tokens(self.checkpoint.config, tokens)

    def _read(self, ids: Any, at: int) -> None:
        """The tokens of the chunk that starts at ``at`` into the cache."""
        part = np.zeros(self._chunk, np.int32)
        some = ids[at : at + self._chunk]
        part[: len(some)] = some
        self.device.copy(part, self.graphs.prompt.tokens)
        self._put(at, self.graphs.state.position)
        self.graphs.reading()[0].launch()

    def _row(self, at: int, row: int) -> DeviceLogits:
        """The logits after the token ``row`` of the chunk at ``at``, which was read just now."""
        self._put(at, self.graphs.state.position)
        self._put(row, self.graphs.prompt.last)
        self.graphs.reading()[1].launch()
        self._position, self._next = at + row + 1, None
        return DeviceLogits(self)

    def _put(self, number: int, where: Any) -> None:
        self.device.copy(np.array(number, np.int32), where)


@dataclass(frozen=True)
class DeviceLogits:
    """The newest logits of ``model``, float32 (vocabulary), on its device."""

    model: DeviceGpt2

    def argmax(self, axis: None = None, out: None = None) -> int:
        """The first of the largest, which the device has found; ``numpy.argmax`` asks for it so."""
        return self.model.likeliest()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """A copy on the host."""
        found = self.model.device.download(self.model.graphs.state.logits)[0]
        return found.astype(dtype) if dtype is not None else found
