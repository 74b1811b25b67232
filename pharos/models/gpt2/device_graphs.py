"""The calls of ``device.lisp`` in order, captured: what a device is asked to do for a token.

token    embed, every layer, head     one token to the next
prompt   embed, every layer           T tokens into the cache
last     last, head                   the token after a prompt's last
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pharos import toolchain
from pharos.ingress.checkpoints import Config
from pharos.models.gpt2.device_buffers import Prompt, State, Weights
from pharos.models.gpt2.device_payload import EMBED, HEAD, LAST, LAYER, decoding, reading
from pharos.runtime import Bound, Runner


@dataclass
class Graphs:
    """Graphs over ``weights``, ``state`` and ``prompt`` on ``device``.

    ``dtype`` is that of the matrices, ``capacity`` the cache's positions P. ``token`` and ``last``
    are made at once, what reads prompts when it is first asked for. ``launches`` counts the
    kernels of one token.
    """

    device: Any
    target: str
    config: Config
    dtype: str
    capacity: int
    weights: Weights
    state: State
    prompt: Prompt
    launches: int = field(default=0, init=False)
    _head: Bound = field(init=False)
    _reading: tuple[Any, Any] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        state, weights = self.state, self.weights
        runner = self._runner(decoding(self.config, self.dtype, self.capacity))
        self._head = runner.bind(
            HEAD, state.row, weights.lnfw, weights.lnfb, weights.wte,
            state.logits, state.token, state.position,
        )  # fmt: skip
        calls = [*self._layers(runner, state.row, state.token), self._head]
        self.launches = sum(_launches(runner, call) for call in calls)
        self.token = self.device.capture(calls)

    def reading(self) -> tuple[Any, Any]:
        """The graphs ``prompt`` and ``last``."""
        if self._reading is None:
            prompt, state = self.prompt, self.state
            (count,) = prompt.tokens.shape
            runner = self._runner(reading(self.config, self.dtype, self.capacity, count))
            last = runner.bind(LAST, state.row, prompt.rows, prompt.last, state.position)
            layers = self._layers(runner, prompt.rows, prompt.tokens)
            capture = self.device.capture
            self._reading = capture(layers), capture([last, self._head])
        return self._reading

    def _runner(self, payload: toolchain.Payload) -> Runner:
        request = toolchain.Request(self.target)
        return Runner(self.device, toolchain.compile(payload, request))

    def _layers(self, runner: Runner, rows: Any, tokens: Any) -> list[Bound]:
        """``tokens`` through all layers, their activations in ``rows``."""
        weights, state = self.weights, self.state
        embed = runner.bind(EMBED, rows, tokens, state.position, weights.wte, weights.wpe)
        pairs: Sequence[Any] = list(zip(weights.layers, state.cache, strict=True))
        return [
            embed,
            *(runner.bind(LAYER, rows, *own, state.position, *cache) for own, cache in pairs),
        ]


def _launches(runner: Runner, call: Bound) -> int:
    """Kernels that ``call`` launches; 0 where the artifact does not say it."""
    said = runner.artifact.metadata.get("launches", {}).get(call.entry.name, {})
    return sum(step["is"] == "launch" for step in said.get("steps", ()))
