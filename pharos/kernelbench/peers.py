"""What ours is timed against: each peer makes a callable from a model and its inputs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Peer:
    """A peer that is ready to be timed; ``seconds`` is what making it ready took."""

    call: Callable[[], object]
    seconds: float


def inductor(model: Any, inputs: list[Any]) -> Peer:
    """``torch.compile`` with its default backend, compiled and called once.

    Raises whatever torch raises when it cannot compile the model.
    """
    start = time.perf_counter()
    compiled = torch.compile(model)
    _without_gradients(compiled, inputs)
    return Peer(lambda: _without_gradients(compiled, inputs), time.perf_counter() - start)


PEERS: dict[str, Callable[[Any, list[Any]], Peer]] = {"inductor": inductor}


def _without_gradients(model: Any, inputs: list[Any]) -> Any:
    with torch.no_grad():
        return model(*inputs)
