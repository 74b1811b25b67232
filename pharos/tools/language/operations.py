"""What MLIR's Python bindings know about an operation: operands, attributes, results, its text.

The bindings are made from the definitions of the dialects (ODS): each operation is a class whose
docstring is the description and whose properties are the operands, attributes, results and
regions, with their kinds as annotations.
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pharos.lisp.lowering.segments import operations_of

_MANY = ("OpOperandList", "OpResultList", "RegionSequence")
_VALUES = ("Value", "OpOperandList")
_RESULTS = ("OpResult", "OpResultList")
_REGIONS = ("Region", "RegionSequence")
# What the bindings call kinds of types and attributes, in MLIR's words.
_KINDS = {
    "MemRefType": "memref",
    "UnrankedMemRefType": "memref<*>",
    "RankedTensorType": "tensor",
    "VectorType": "vector",
    "IntegerType": "integer",
    "IndexType": "index",
    "FloatType": "float",
    "ComplexType": "complex",
    "FunctionType": "function type",
    "DenseI64ArrayAttr": "array<i64: ...>",
    "DenseI32ArrayAttr": "array<i32: ...>",
    "DenseBoolArrayAttr": "array<i1: ...>",
    "FlatSymbolRefAttr": "@symbol",
    "SymbolRefAttr": "@symbol",
    "StringAttr": "string",
    "TypeAttr": "type",
    "BoolAttr": "true or false",
    "bool": "true or false",
    "IntegerAttr": "integer",
    "FloatAttr": "float",
    "ArrayAttr": "[...]",
    "AffineMapAttr": "affine_map<...>",
    "Attribute": "attribute",
}


@dataclass(frozen=True)
class Part:
    """An operand, attribute, result or region: its name, what it is, how often it may stand."""

    name: str
    kind: str
    optional: bool = False
    many: bool = False

    def __str__(self) -> str:
        dots = "..." if self.many else ""
        kind = f": {self.kind}" if self.kind else ""
        return f"{self.name}{dots}{kind}{' (optional)' if self.optional else ''}"


@dataclass(frozen=True)
class Operation:
    """What is known about one operation.

    ``infers`` tells that ``:result`` may be left out because the type follows from the operands.
    """

    name: str
    description: str
    operands: tuple[Part, ...]
    attributes: tuple[Part, ...]
    results: tuple[Part, ...]
    regions: tuple[Part, ...]
    successors: tuple[Part, ...]
    infers: bool

    @property
    def form(self) -> str:
        """How the operation is written in Lispier."""
        keys = [f":{part.name} ..." for part in self.attributes if not part.optional]
        if self.results and not self.infers:
            keys.append(":result T")
        items = [self.name, *(["{" + " ".join(keys) + "}"] if keys else [])]
        after = {f"{part.name}Operands" for part in self.successors}
        items += [_item(part) for part in self.operands if part.name not in after]
        known = {part.name: part for part in self.operands}
        for successor in self.successors:
            items.append(f"^{successor.name}")
            passed = known.get(f"{successor.name}Operands")
            items += [_item(passed)] if passed is not None else []
        items += ["(region ...)" for _ in self.regions]
        return f"({' '.join(items)})"


def _item(part: Part) -> str:
    return f"{part.name}..." if part.many else part.name


@functools.cache
def operation(name: str) -> Operation | None:
    """The operation ``name`` ("arith.addi"), or None when the bindings do not know it."""
    made = operations_of(name.partition(".")[0]).get(name)
    if made is None:
        return None
    signature = inspect.signature(made.__init__).parameters
    parts = list(_properties(made, signature))
    results = [part for kinds, part in parts if kinds & set(_RESULTS)]
    return Operation(
        name,
        inspect.cleandoc(made.__doc__ or ""),
        tuple(part for kinds, part in parts if kinds & set(_VALUES)),
        tuple(part for kinds, part in parts if _is_attribute(kinds)),
        tuple(results or _variable_results(signature)),
        tuple(part for kinds, part in parts if kinds & set(_REGIONS)),
        tuple(_successors(signature)),
        _infers(signature),
    )


@functools.cache
def names(dialect: str) -> tuple[str, ...]:
    """The operations of ``dialect``, sorted; none for an unknown dialect."""
    return tuple(sorted(operations_of(dialect)))


def summary(text: str, most: int = 400) -> str:
    """The first paragraph of a description, of at most ``most`` characters."""
    first = re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0].replace("\n", " ")
    return first if len(first) <= most else first[:most].rsplit(" ", 1)[0] + " ..."


_Signature = Mapping[str, inspect.Parameter]


def _properties(made: Any, signature: _Signature) -> Iterator[tuple[set[str], Part]]:
    for name, member in vars(made).items():
        if not isinstance(member, property) or member.fget is None:
            continue
        annotation = member.fget.__annotations__.get("return")
        kinds = set(_names_in(annotation))
        wanted = next((_KINDS[kind] for kind in _names_in(annotation) if kind in _KINDS), "")
        given = signature.get(name)
        optional = "NoneType" in kinds or (given is not None and given.default is None)
        yield kinds, Part(name.rstrip("_"), wanted, optional, bool(kinds & set(_MANY)))


def _names_in(annotation: Any) -> Iterator[str]:
    """The names of the classes in an annotation, the innermost first."""
    arguments = typing.get_args(annotation)
    for argument in arguments:
        yield from _names_in(argument)
    if arguments:
        annotation = typing.get_origin(annotation)
    if isinstance(annotation, type):
        yield annotation.__name__


def _is_attribute(kinds: set[str]) -> bool:
    return bool(kinds) and not kinds & {*_VALUES, *_RESULTS, *_REGIONS}


def _variable_results(signature: _Signature) -> Iterator[Part]:
    """The results of an operation that may have any number of them: they have no property."""
    for name, parameter in signature.items():
        if {"Sequence", "Type"} <= set(_names_in(parameter.annotation)):
            yield Part(name.rstrip("_"), "", many=True)


def _successors(signature: _Signature) -> Iterator[Part]:
    for name, parameter in signature.items():
        if "Block" in set(_names_in(parameter.annotation)):
            yield Part(name, "")


def _infers(signature: _Signature) -> bool:
    results = signature.get("results")
    return results is not None and results.kind is inspect.Parameter.KEYWORD_ONLY
