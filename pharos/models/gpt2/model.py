"""GPT-2 on a device: weights, cache and scratch around the compiled forward pass.

The mathematics is in ``forward.lisp``; this file passes it arrays and nothing more.
Sizes: L layers, NH heads, D head size, C = NH * D channels, P cache positions.
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
from pharos.ingress.checkpoints import Checkpoint, Config, open_checkpoint
from pharos.models.gpt2.host_payload import ENTRY, payload
from pharos.models.gpt2.weights import DTYPES, stored_weights
from pharos.runtime import Bound

# Tokens whose logits one call computes: they take 200 KB a token with 50257 of them.
CHUNK = 64


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

    ``dtype`` is how the weights are stored, "f32", "bf16" or "int8" (see ``stored_weights``);
    arithmetic is f32 always. A checkpoint of another type is converted once when it is loaded.
    ``launches`` are the kernels of a token, of which a CPU has none.
    """

    checkpoint: Checkpoint
    dtype: str
    target: str
    weights: list[Any]
    scales: list[Any]
    timing: Timing
    positions: int = 0
    launches: int = 0
    _runners: dict[str, Any] = field(default_factory=dict)
    _calls: dict[tuple[str, int, int], _Scratch] = field(default_factory=dict)

    @staticmethod
    def load(
        path: str | Path, *, dtype: str | None = None, target: str = "cpu", positions: int = 0
    ) -> Gpt2:
        """Read the checkpoint at ``path``; ``target`` compiles what calls need when they need it.

        ``positions`` bounds the length of the text, for a smaller cache; 0 takes the
        checkpoint's maximum. Raises UserError for a bad file, dtype, length or target.
        """
        start = time.perf_counter()
        checkpoint = open_checkpoint(path)
        dtype = checked_dtype(checkpoint.config, dtype, (*DTYPES, "int8"))
        length = checked_positions(checkpoint.config, positions)
        toolchain.target(target)
        weights, scales = stored_weights(checkpoint, dtype)
        loaded = time.perf_counter()
        model = Gpt2(checkpoint, dtype, target, weights, scales, Timing(loaded - start))
        model.positions = length
        model._allocate()
        return model

    def ready(self, prompt: int) -> None:
        """Compile now what a prompt of so many tokens, and tokens after it, will need."""
        for kind in {_kind(prompt, 0, 1), "step"}:
            self._runner(kind)

    def _runner(self, kind: str) -> Any:
        """The compiled pass for a kind of call, see ``host_payload``."""
        if kind not in self._runners:
            start = time.perf_counter()
            wanted = payload(self.checkpoint.config, self.dtype, kind)
            artifact = toolchain.compile(wanted, toolchain.Request(self.target))
            self._runners[kind] = toolchain.load(artifact)
            self.timing.compile += time.perf_counter() - start
        return self._runners[kind]

    def _allocate(self) -> None:
        config = self.checkpoint.config
        layers, heads, size = config.layers, config.heads, config.channels // config.heads
        self._keys = np.zeros((layers, heads, self.positions, size), np.float32)
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
        call = self._call(_kind(count, start, rows), count, rows)
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
        if not tokens:
            raise UserError("expected at least one token, found none")
        return self.forward(tokens, 0)[0]

    def _call(self, kind: str, count: int, rows: int) -> _Scratch:
        key = kind, count, rows
        if key not in self._calls:
            # One size is kept beside single tokens: prompts and decoding alternate between two.
            for other in [other for other in self._calls if "step" not in (other[0], kind)]:
                del self._calls[other]
            self._calls[key] = self._bind(kind, count, rows)
        return self._calls[key]

    def _bind(self, kind: str, count: int, rows: int) -> _Scratch:
        config = self.checkpoint.config
        channels = config.channels
        tokens = np.zeros(count, np.int32)
        logits = np.empty((rows, config.padded_vocabulary), np.float32)
        widths = (channels, channels, 3 * channels, channels, 4 * channels)
        activations = [np.empty((count, width), np.float32) for width in widths]
        bound = self._runner(kind).bind(
            ENTRY, *self.weights, tokens, 0, self._keys, self._values, *activations, logits,
            *self.scales,
        )  # fmt: skip
        return _Scratch(tokens, logits, bound)


def _kind(count: int, start: int, rows: int) -> str:
    """Which kind of call reads ``count`` tokens at ``start`` and gives ``rows`` of logits."""
    if count == 1:
        return "step"
    return "read" if start == 0 and rows == 1 else "more"


def checked_dtype(config: Config, dtype: str | None, known: Sequence[str] = (*DTYPES,)) -> str:
    """``dtype``, or the checkpoint's own for None. UserError for one that is not ``known``."""
    found = dtype or config.dtype
    if found not in known:
        raise UserError(f"expected dtype {', '.join(known[:-1])} or {known[-1]}, found '{found}'")
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
