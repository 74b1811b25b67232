"""The YAML form of stages and values, both ways.

A stage is its text (``- canonicalize``, ``- schedule: tile{sizes=[8, 32]}``) or spelled out
(``- schedule: {name: tile, options: {sizes: [8, 32]}, as: label}``); `grammar` reads the texts.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import replace
from typing import Any

import yaml

from pharos.core.errors import UserError, nearest
from pharos.pipeline.grammar import read_passes, read_stage
from pharos.pipeline.stages import KINDS, NAMED_KINDS, DeclaredStage, NamedStage, Pass, PassStage
from pharos.pipeline.tokens import text_name
from pharos.pipeline.values import (
    Options,
    Reference,
    Value,
    format_value,
    read_word,
)
from pharos.pipeline.yaml_nodes import Mapping, Node, Scalar, Sequence, read_nodes


def stage_from_yaml(text: str, *, file: str | None = None) -> DeclaredStage:
    """The stage that a YAML text of one item of ``stages`` declares."""
    return read_stage_node(read_nodes(text, file or text_name("stage", text)))


def stage_to_yaml(stage: DeclaredStage, *, spelled_out: bool = False) -> str:
    """``stage`` as a YAML text: kind and text, or with names and options spelled out."""
    return dump(spelled_stage(stage) if spelled_out else short_stage(stage))


def read_stage_node(node: Node) -> DeclaredStage:
    """The stage that an item of ``stages`` declares."""
    if isinstance(node, Scalar):
        return read_stage(node.source)
    if not isinstance(node, Mapping):
        raise UserError("expected a stage, found a list", span=node.span)
    kinds = [key for key in node.entries if key != "as"]
    if len(kinds) != 1 or kinds[0] not in KINDS:
        wrong = next((key for key in kinds if key not in KINDS), None)
        found = f"'{wrong}'" if wrong else " and ".join(kinds) or "none"
        raise UserError(
            f"expected one kind of stage ({', '.join(KINDS)}), found {found}",
            span=node.entries[wrong].key.span if wrong else node.span,
            hint=nearest(wrong, KINDS) if wrong else None,
        )
    stage = _stage_of_kind(kinds[0], node[kinds[0]])
    if "as" in node.entries:
        if stage.label is not None:
            raise UserError("expected one label, found two", span=node.entries["as"].key.span)
        label = _text(node["as"], "a label")
        stage = replace(stage, label=label.text, span=label.span)
    return replace(stage, span=node.span)


def _stage_of_kind(kind: str, node: Node) -> DeclaredStage:
    if isinstance(node, Scalar):
        return read_stage(node.source, kind)
    if kind == PassStage.kind:
        return PassStage(_passes(node), span=node.span)
    if not isinstance(node, Mapping):
        raise UserError(f"expected the name of one {kind}, found a list", span=node.span)
    node.check_keys(f"a {kind}", ["name", "options"])
    name = _text(_required(node, "name"), "a name")
    return NAMED_KINDS[kind](name.text, _options(node), span=node.span)


def _passes(node: Node) -> tuple[Pass, ...]:
    if isinstance(node, Scalar):
        return read_passes(node.source)
    if isinstance(node, Sequence):
        return tuple(one for item in node.items for one in _passes(item))
    node.check_keys("a pass", ["name", "options", "passes"])
    name = _text(_required(node, "name"), "a name")
    nested = _passes(node["passes"]) if "passes" in node.entries else ()
    return (Pass(name.text, _options(node), nested, span=name.span),)


def _options(node: Mapping) -> Options:
    if "options" not in node.entries:
        return Options()
    options = node["options"]
    if not isinstance(options, Mapping):
        raise UserError("expected options as a mapping, name: value", span=options.span)
    return Options(
        {name: read_value_node(entry.value) for name, entry in options.entries.items()},
        spans={name: entry.key.span for name, entry in options.entries.items()},
    )


def _required(node: Mapping, key: str) -> Node:
    if key not in node.entries:
        raise UserError(f"expected the key '{key}'", span=node.span)
    return node[key]


def _text(node: Node, what: str) -> Scalar:
    if not isinstance(node, Scalar) or not node.text:
        raise UserError(f"expected {what}", span=node.span)
    return node


def read_value_node(node: Node) -> Value:
    """The value that a YAML node denotes; plain scalars mean what the same bare word means."""
    if isinstance(node, Mapping):
        raise UserError("expected a value, found a mapping", span=node.span)
    if isinstance(node, Sequence):
        return tuple(map(read_value_node, node.items))
    if not node.plain:
        return node.text
    if not node.text:
        raise UserError(
            "expected a value, found nothing", span=node.span, hint='an empty text is written ""'
        )
    if node.text.startswith("$"):
        return Reference(node.text[1:], node.span)
    try:
        return read_word(node.text)
    except ValueError as error:
        raise UserError(
            str(error), span=node.span, hint="put it in quotes if text is meant"
        ) from None


class Quoted(str):
    """A string that must stand in quotes, so that it is not read as another value."""


class Bare(str):
    """The text of a value that is no string; quotes would make it one."""


class Inline(dict[str, Any]):
    """A mapping that stands on one line."""


def value_data(value: Value) -> Any:
    """``value`` as data for `dump`."""
    if isinstance(value, tuple):
        return [value_data(item) for item in value]
    return Quoted(value) if isinstance(value, str) else Bare(format_value(value))


def short_stage(stage: DeclaredStage) -> AnyMapping[str, Any]:
    """``stage`` as data for `dump`: its kind and its text."""
    return {stage.kind: stage.body, **({"as": stage.label} if stage.label else {})}


def spelled_stage(stage: DeclaredStage) -> AnyMapping[str, Any]:
    """``stage`` as data for `dump`, with names and options spelled out."""
    if isinstance(stage, NamedStage):
        body: Any = _spelled(stage)
    else:
        body = [_spelled(item) for item in stage.passes]
    return {stage.kind: body, **({"as": stage.label} if stage.label else {})}


def _spelled(item: NamedStage | Pass) -> AnyMapping[str, Any]:
    data: dict[str, Any] = {"name": item.name}
    if item.options:
        data["options"] = {name: value_data(value) for name, value in item.options.items()}
    if isinstance(item, Pass) and item.nested:
        data["passes"] = [_spelled(nested) for nested in item.nested]
    return data


def dump(data: Any) -> str:
    """Mappings, lists and strings as YAML; a string stands without quotes where YAML lets it."""
    text: str = yaml.serialize(
        _node(data), Dumper=yaml.SafeDumper, allow_unicode=True, width=1 << 20
    )
    return text


_STRING = "tag:yaml.org,2002:str"
_RESOLVER = yaml.resolver.Resolver()


def _node(data: Any) -> yaml.Node:
    if isinstance(data, AnyMapping):
        pairs = [(_node(str(key)), _node(value)) for key, value in data.items()]
        flow = isinstance(data, Inline)
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=flow)
    if isinstance(data, list):
        plain = all(isinstance(item, (str, list)) for item in data)
        return yaml.SequenceNode(
            "tag:yaml.org,2002:seq", [_node(item) for item in data], flow_style=plain
        )
    # A tag is written out unless it is the one that a reader would find by itself.
    tag = _RESOLVER.resolve(yaml.ScalarNode, data, (True, False))
    if isinstance(data, Bare) or (tag == _STRING and type(data) is str and data.isprintable()):
        return yaml.ScalarNode(tag, str(data))
    # PyYAML's other styles lose some of the characters that are not printable.
    return yaml.ScalarNode(_STRING, str(data), style='"')
