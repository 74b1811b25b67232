"""GPT-2 on a device: weights, cache and scratch around the compiled forward pass.

The mathematics is in ``forward.lisp``; this file passes it arrays and nothing more.
Sizes: L layers, NH heads, D head size, C = NH * D channels, P cache positions.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.ingress.checkpoints import Checkpoint, Config, open_checkpoint
from pharos.runtime import Bound

SOURCE = Path(__file__).with_name("forward.lisp")
ENTRY = "gpt2_forward"
# Tokens of a prompt that one call processes: enough to use each weight many times while it is in
# cache, few enough that the scores of all heads stay small.
CHUNK = 64
DTYPES = {"f32": np.dtype(np.float32), "bf16": np.dtype(ml_dtypes.bfloat16)}


def payload(dtype: str) -> toolchain.Payload:
    """The forward pass with its weights stored as ``dtype``, "f32" or "bf16"."""
    source = toolchain.read_payload(SOURCE)

    def make() -> Any:
        # Code from the cache needs no MLIR: it is imported only when there is work to do.
        from pharos.transform.narrow_storage import NarrowStorage

        return NarrowStorage(dtype).run(source.make())

    text = f"{source.text}\n; weights: {dtype}"
    return replace(source, text=text, make=make, exports=(ENTRY,))


@dataclass
class Timing:
    """Seconds spent: reading the checkpoint, compiling (or fetching from the cache)."""

    load: float = 0.0
    compile: float = 0.0


@dataclass
class _Scratch:
    """The activations of calls with one number of tokens, and the call bound to them."""

    tokens: Any
    logits: Any
    bound: Bound


@dataclass
class Gpt2:
    """A checkpoint, compiled and ready to be called.

    ``dtype`` is how the weights are stored, "f32" or "bf16"; arithmetic is f32 always. A
    checkpoint of the other type is converted once when it is loaded. ``launches`` are the kernels
    of a token, of which a CPU has none.
    """

    checkpoint: Checkpoint
    dtype: str
    target: str
    runner: Any
    weights: list[Any]
    timing: Timing
    positions: int = 0
    launches: int = 0
    _calls: dict[tuple[int, int], _Scratch] = field(default_factory=dict)

    @staticmethod
    def load(
        path: str | Path, *, dtype: str | None = None, target: str = "cpu", positions: int = 0
    ) -> Gpt2:
        """Read the checkpoint at ``path`` and compile the forward pass for ``target``.

        ``positions`` bounds the length of the text, for a smaller cache; 0 takes the
        checkpoint's maximum. Raises UserError for a bad file, dtype or length.
        """
        start = time.perf_counter()
        checkpoint = open_checkpoint(path)
        dtype = checked_dtype(checkpoint.config, dtype)
        length = checked_positions(checkpoint.config, positions)
        weights = [_stored(array, DTYPES[dtype]) for array in checkpoint.tensors.values()]
        loaded = time.perf_counter()
        artifact = toolchain.compile(payload(dtype), toolchain.Request(target))
        runner = toolchain.load(artifact)
        timing = Timing(loaded - start, time.perf_counter() - loaded)
        model = Gpt2(checkpoint, dtype, target, runner, weights, timing)
        model.positions = length
        model._allocate()
        return model

    def _allocate(self) -> None:
        config = self.checkpoint.config
        layers, heads, size = config.layers, config.heads, config.channels // config.heads
        self._keys = np.zeros((layers, heads, size, self.positions), np.float32)
        self._values = np.zeros((layers, heads, self.positions, size), np.float32)

    def forward(self, tokens: Sequence[int], start: int, rows: int = 1) -> Any:
        """Append ``tokens`` at position ``start`` and return the logits of the last ``rows``.

        The positions before ``start`` must hold the tokens of earlier calls. Returns float32
        (rows, vocabulary); the array is overwritten by the next call of the same size.
        """
        count = len(tokens)
        if not 0 < count <= self.positions - start:
            raise UserError(
                f"expected 1 to {self.positions - start} tokens at position {start} of "
                f"{self.positions}, found {count}"
            )
        if not 0 < rows <= count:
            raise UserError(f"expected 1 to {count} rows of logits, found {rows}")
        ids = checked_tokens(self.checkpoint.config, tokens)
        call = self._call(count, rows)
        call.tokens[:] = ids
        call.bound.set("start", start)
        call.bound()
        return call.logits[:, : self.checkpoint.config.vocabulary]

    def step(self, token: int, position: int) -> Any:
        """Append ``token`` at ``position``; the logits after it: float32 (vocabulary)."""
        return self.forward([token], position)[0]

    def logits(self, tokens: Sequence[int]) -> Any:
        """The logits at every position of ``tokens``: float32 (T, vocabulary)."""
        pieces = [
            self.forward(tokens[at : at + CHUNK], at, len(tokens[at : at + CHUNK])).copy()
            for at in range(0, len(tokens), CHUNK)
        ]
        return np.concatenate(pieces)

    def prefill(self, tokens: Sequence[int]) -> Any:
        """Read ``tokens`` into an empty cache; the logits after the last: float32 (vocabulary)."""
        logits = None
        for at in range(0, len(tokens), CHUNK):
            logits = self.forward(tokens[at : at + CHUNK], at)
        if logits is None:
            raise UserError("expected at least one token, found none")
        return logits[0]

    def _call(self, count: int, rows: int) -> _Scratch:
        if (count, rows) not in self._calls:
            # One size is kept beside single tokens: prompts and decoding alternate between two.
            for key in [key for key in self._calls if key[0] != 1 and count != 1]:
                del self._calls[key]
            self._calls[count, rows] = self._bind(count, rows)
        return self._calls[count, rows]

    def _bind(self, count: int, rows: int) -> _Scratch:
        config = self.checkpoint.config
        channels = config.channels
        tokens = np.zeros(count, np.int32)
        logits = np.empty((rows, config.padded_vocabulary), np.float32)
        widths = (channels, channels, 3 * channels, channels, 4 * channels)
        activations = [np.empty((count, width), np.float32) for width in widths]
        scores = np.empty((config.heads, count, self.positions), np.float32)
        bound = self.runner.bind(
            ENTRY, *self.weights, tokens, 0, self._keys, self._values, *activations, scores, logits
        )
        return _Scratch(tokens, logits, bound)


def checked_dtype(config: Config, dtype: str | None) -> str:
    """``dtype``, or the checkpoint's own for None. UserError for another than f32 and bf16."""
    found = dtype or config.dtype
    if found not in DTYPES:
        raise UserError(f"expected dtype f32 or bf16, found '{found}'")
    return found


def checked_positions(config: Config, positions: int) -> int:
    """``positions``, or as many as the checkpoint has for 0. UserError for more than those."""
    if not 0 <= positions <= config.max_sequence:
        raise UserError(
            f"expected at most {config.max_sequence} positions, the checkpoint's maximum, "
            f"found {positions}"
        )
    return positions or config.max_sequence


def checked_tokens(config: Config, tokens: Sequence[int]) -> Any:
    """``tokens`` as int32. UserError for one that the vocabulary does not have."""
    ids = np.asarray(tokens, np.int64)
    bad = ids[(ids < 0) | (ids >= config.vocabulary)]
    if len(bad):
        raise UserError(f"expected token ids from 0 to {config.vocabulary - 1}, found {bad[0]}")
    return ids.astype(np.int32)


def _stored(array: Any, dtype: Any) -> Any:
    """``array`` itself when it has the type already, so that a mapped file stays mapped."""
    return array if array.dtype == dtype else array.astype(dtype)
