"""Plans in files: read strictly, with the place of every value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.toolchain.records import Plan

_KEYS = ("version", "payload", "target", "pipeline", "parameters", "functions")
_VERSION = "1"


def read_plan(path: str | Path) -> Plan:
    """The plan in the file at ``path``. Raises UserError with the place of what is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"no such file: {path}", hint="pharos plan makes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the plan {path}: {error}") from None
    return plan_from_yaml(text, str(path))


def plan_from_yaml(text: str, file: str) -> Plan:
    """The plan that ``text`` describes; errors give places in ``file``."""
    from pharos.pipeline.yaml_nodes import read_nodes

    root = _mapping(read_nodes(text, file), "a plan", _KEYS, _KEYS)
    if _text(root["version"]) != _VERSION:
        raise UserError(
            f"expected a plan of version {_VERSION}, found {_text(root['version'])}",
            span=root["version"].span,
            hint="make the plan again: pharos plan",
        )
    payload = _mapping(root["payload"], "payload", ("name", "fingerprint"), ("name", "fingerprint"))
    target = _mapping(root["target"], "target", ("name", "facts"), ("name",))
    pipeline = _mapping(root["pipeline"], "pipeline", ("name", "stages", "digest"), ("digest",))
    parameters = _mapping(root["parameters"], "parameters")
    motifs = _Motifs()
    for function in _items(root["functions"], "functions"):
        motifs.function(function)
    return Plan(
        file=file,
        text=text,
        payload=_text(payload["name"]),
        fingerprint=_text(payload["fingerprint"]),
        target=_text(target["name"]),
        pipeline=_text(pipeline["name"]) if "name" in pipeline.entries else None,
        stages=_stages(pipeline),
        digest=_text(pipeline["digest"]),
        parameters=_values(parameters),
        motifs=motifs.values,
        works=motifs.works,
    )


class _Motifs:
    """Collects the motifs of all functions."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, tuple[Any, Span | None]]] = {}
        self.works: dict[str, str] = {}

    def function(self, node: Any) -> None:
        keys = ("name", "arguments", "results", "motifs", "no-attention")
        for motif in _items(_mapping(node, "a function", keys, ("motifs",))["motifs"], "motifs"):
            self.motif(motif)

    def motif(self, node: Any) -> None:
        keys = ("key", "what", "left-because", "place", "parameters", "why", "parts")
        node = _mapping(node, "a motif", keys, ("key", "what"))
        key = _text(node["key"])
        if key in self.works:
            raise UserError(f"motif '{key}' is there twice", span=node["key"].span)
        self.works[key] = _text(node["what"])
        if "parameters" in node.entries:
            self.values[key] = _values(_mapping(node["parameters"], "parameters"))
        for part in _items(node["parts"], "parts") if "parts" in node.entries else ():
            self.motif(part)


def _values(node: Any) -> dict[str, tuple[Any, Span | None]]:
    """name: value, or name: {value: ..., from: ...}; what ``from`` says was true when written."""
    from pharos.pipeline.yaml_form import read_value_node
    from pharos.pipeline.yaml_nodes import Mapping

    found = {}
    for name, entry in node.entries.items():
        value = entry.value
        if isinstance(value, Mapping):
            value = _mapping(value, f"'{name}'", ("value", "from"), ("value",))["value"]
        found[name] = (read_value_node(value), value.span)
    return found


def _stages(pipeline: Any) -> tuple[str, ...]:
    both = [key for key in ("name", "stages") if key in pipeline.entries]
    if len(both) != 1:
        raise UserError("expected either 'name' or 'stages' of the pipeline", span=pipeline.span)
    if "stages" not in pipeline.entries:
        return ()
    return tuple(_text(node) for node in _items(pipeline["stages"], "stages"))


def _mapping(node: Any, what: str, known: Any = None, needed: Any = ()) -> Any:
    from pharos.pipeline.yaml_nodes import Mapping

    if not isinstance(node, Mapping):
        raise UserError(f"expected {what} to be a mapping", span=node.span)
    if known is not None:
        node.check_keys(what, known)
    missing = next((key for key in needed if key not in node.entries), None)
    if missing is not None:
        raise UserError(f"expected the key '{missing}' in {what}", span=node.span)
    return node


def _items(node: Any, what: str) -> Any:
    from pharos.pipeline.yaml_nodes import Sequence

    if not isinstance(node, Sequence):
        raise UserError(f"expected {what} to be a list", span=node.span)
    return node.items


def _text(node: Any) -> str:
    from pharos.pipeline.yaml_nodes import Scalar

    if not isinstance(node, Scalar):
        raise UserError("expected text", span=node.span)
    return node.text
