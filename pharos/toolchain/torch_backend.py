"""``torch.compile(model, backend="pharos")``: the function behind torch's entry point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pharos.core.errors import UserError, nearest
from pharos.toolchain.front_ends import torch_payload
from pharos.toolchain.records import Request
from pharos.toolchain.road import build
from pharos.toolchain.torch_function import TorchFunction

_OPTIONS = ("target", "pipeline", "parameters")


def pharos(
    graph: Any, inputs: Sequence[Any], *, options: Mapping[str, Any] | None = None, **mode: Any
) -> Callable[..., Any]:
    """Compiled code for a graph of torch.compile, from the cache where the same was compiled.

    ``options`` are "target", "pipeline" and "parameters", as in ``toolchain.Request``. Raises
    UserError, when torch compiles, for what cannot be compiled.
    """
    from pharos.ingress.torch.compiling import compile_graph

    if mode.get("mode") is not None:
        raise UserError(f"the backend has no modes, found mode={mode['mode']!r}")
    request = _request(options or {})

    def compiled(imported: Any) -> Callable[[Sequence[Any]], Any]:
        function = TorchFunction(imported, build(torch_payload(imported), request).artifact)
        return lambda values: function(*values)

    return compile_graph(graph, inputs, compiled)


def _request(options: Mapping[str, Any]) -> Request:
    for name in options:
        if name not in _OPTIONS:
            raise UserError(
                f"torch.compile: expected options among {', '.join(_OPTIONS)}, found '{name}'",
                hint=nearest(name, _OPTIONS),
            )
    return Request(**options)
