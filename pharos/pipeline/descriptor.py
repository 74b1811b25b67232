"""Descriptors: a name, typed parameters and declared stages, read from YAML and written back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pharos.core.errors import ErrorList, UserError
from pharos.pipeline.parameters import Parameter, Unset
from pharos.pipeline.stages import DeclaredStage
from pharos.pipeline.tokens import text_name
from pharos.pipeline.values import Value, format_value, freeze
from pharos.pipeline.yaml_form import (
    Quoted,
    dump,
    read_stage_node,
    read_value_node,
    short_stage,
    value_data,
)
from pharos.pipeline.yaml_nodes import Mapping, Node, Scalar, Sequence, read_nodes

_KEYS = ("name", "description", "parameters", "stages")
_PARAMETER_KEYS = ("type", "default", "min", "max", "choices", "description")
Item = TypeVar("Item")
Read = TypeVar("Read")


@dataclass(frozen=True)
class Descriptor:
    """A pipeline as it is declared. ``path`` is its file, where it has one."""

    name: str
    stages: tuple[DeclaredStage, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    description: str = ""
    path: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        object.__setattr__(self, "parameters", tuple(self.parameters))
        if not self.name:
            raise UserError("expected a descriptor's name, found none")
        freeze((self.name, self.description))
        seen: set[str] = set()
        for parameter in self.parameters:
            if parameter.name in seen:
                raise UserError(
                    f"parameter '{parameter.name}' is declared twice", span=parameter.span
                )
            seen.add(parameter.name)


def from_yaml(text: str, *, file: str | None = None, path: Path | None = None) -> Descriptor:
    """The descriptor in ``text``; errors give places in ``file``.

    Raises UserError, or ErrorList when several parameters or stages are wrong.
    """
    root = read_nodes(text, file or text_name("descriptor", text))
    if not isinstance(root, Mapping):
        raise UserError(
            f"expected a descriptor: a mapping with the keys {', '.join(_KEYS)}", span=root.span
        )
    root.check_keys("a descriptor", _KEYS)
    if "stages" not in root.entries:
        raise UserError("expected the key 'stages'", span=root.span)
    parameters = root.entries.get("parameters")
    return Descriptor(
        name=_string(root, "name") or (path.stem if path else "descriptor"),
        description=_string(root, "description"),
        parameters=() if parameters is None else _parameters(parameters.value),
        stages=_stages(root["stages"]),
        path=path,
    )


def descriptor_to_yaml(descriptor: Descriptor) -> str:
    """``descriptor`` as YAML that `from_yaml` reads back."""
    data: dict[str, Any] = {"name": Quoted(descriptor.name)}
    if descriptor.description:
        data["description"] = Quoted(descriptor.description)
    if descriptor.parameters:
        data["parameters"] = {p.name: _parameter_data(p) for p in descriptor.parameters}
    data["stages"] = [short_stage(stage) for stage in descriptor.stages]
    return dump(data)


def each(items: Iterable[Item], read: Callable[[Item], Read]) -> tuple[Read, ...]:
    """``read`` of each item. The user's mistakes in several items are reported together."""
    errors: list[UserError] = []

    def attempt(item: Item) -> list[Read]:
        try:
            return [read(item)]
        except UserError as error:
            errors.extend(error.errors if isinstance(error, ErrorList) else [error])
            return []

    results = [result for item in items for result in attempt(item)]
    if errors:
        raise errors[0] if len(errors) == 1 else ErrorList(errors)
    return tuple(results)


def _string(node: Mapping, key: str) -> str:
    if key not in node.entries:
        return ""
    value = node[key]
    if not isinstance(value, Scalar):
        raise UserError(f"expected '{key}' to be text", span=value.span)
    return value.text


def _stages(node: Node) -> tuple[DeclaredStage, ...]:
    if not isinstance(node, Sequence):
        raise UserError("expected 'stages' to be a list of stages", span=node.span)
    return each(node.items, read_stage_node)


def _parameters(node: Node) -> tuple[Parameter, ...]:
    if not isinstance(node, Mapping):
        raise UserError("expected 'parameters' to be a mapping, name: {type: ...}", span=node.span)
    return each(node.entries.values(), lambda entry: _parameter(entry.key, entry.value))


def _parameter(key: Scalar, node: Node) -> Parameter:
    if not isinstance(node, Mapping):
        raise UserError(
            f"parameter '{key.text}': expected a mapping with the keys "
            f"{', '.join(_PARAMETER_KEYS)}",
            span=node.span,
        )
    node.check_keys(f"parameter '{key.text}'", _PARAMETER_KEYS)
    if "type" not in node.entries:
        raise UserError(f"parameter '{key.text}': expected the key 'type'", span=key.span)
    choices = read_value_node(node["choices"]) if "choices" in node.entries else ()
    if not isinstance(choices, tuple):
        raise UserError(
            f"parameter '{key.text}': expected 'choices' to be a list", span=node["choices"].span
        )
    parameter = Parameter(
        name=key.text,
        type=_string(node, "type"),
        minimum=_bound(key, node, "min"),
        maximum=_bound(key, node, "max"),
        choices=choices,
        description=_string(node, "description"),
        span=key.span,
    )
    if "default" not in node.entries:
        return parameter
    default = read_value_node(node["default"])
    if default is not None:
        # Checked here too, so that the error has the place of the default.
        default = parameter.check(default, span=node["default"].span)
    return replace(parameter, default=default)


def _bound(key: Scalar, node: Mapping, name: str) -> int | float | None:
    if name not in node.entries:
        return None
    value = read_value_node(node[name])
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UserError(
            f"parameter '{key.text}': expected '{name}' to be a number, "
            f"found {format_value(value)}",
            span=node[name].span,
        )
    return value


def _parameter_data(parameter: Parameter) -> dict[str, Any]:
    data: dict[str, Any] = {"type": parameter.type}
    if not isinstance(parameter.default, Unset):
        data["default"] = value_data(parameter.default)
    bounds: tuple[tuple[str, Value], ...] = (("min", parameter.minimum), ("max", parameter.maximum))
    data |= {name: value_data(bound) for name, bound in bounds if bound is not None}
    if parameter.choices:
        data["choices"] = value_data(parameter.choices)
    if parameter.description:
        data["description"] = Quoted(parameter.description)
    return data
