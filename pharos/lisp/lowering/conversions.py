"""Attributes that MLIR would drop in silence, turned into what the operation wants (section 6.3).

MLIR keeps an inherent attribute only when it has the right kind. A program says ``"slt"``,
``true`` or ``7``; here is what these mean where a predicate, a unit attribute or a linkage is
wanted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from pharos.core.errors import UserError, nearest
from pharos.ir.bindings import MLIRError, mlir
from pharos.lisp.lowering.constants import number_attribute
from pharos.lisp.lowering.draft import Draft
from pharos.lisp.values import Bool, Number, String, Symbol, Value, Vector

_INTEGER_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
_FLOAT_PREDICATES = (
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
    "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
)  # fmt: skip
# Names whose place in the tuple is the number that the operation stores.
_NUMBERED = {
    ("arith.cmpi", "predicate"): _INTEGER_PREDICATES,
    ("llvm.icmp", "predicate"): _INTEGER_PREDICATES,
    ("arith.cmpf", "predicate"): _FLOAT_PREDICATES,
    ("llvm.fcmp", "predicate"): _FLOAT_PREDICATES,
}
_LINKAGES = (
    "external", "available_externally", "linkonce", "linkonce_odr", "weak",
    "weak_odr", "appending", "internal", "private", "extern_weak",
)  # fmt: skip
# How MLIR spells the attribute of a word, by operation or dialect, and key.
_SPELLINGS = {
    ("index.cmp", "pred"): "#index<cmp_predicate {}>",
    ("gpu", "dimension"): "#gpu<dim {}>",
    ("gpu.shuffle", "mode"): "#gpu<shuffle_mode {}>",
    ("gpu.rotate", "mode"): "#gpu<shuffle_mode {}>",
    ("gpu", "op"): "#gpu<all_reduce_op {}>",
    ("arith", "fastmath"): "#arith.fastmath<{}>",
    ("math", "fastmath"): "#arith.fastmath<{}>",
    ("complex", "fastmath"): "#arith.fastmath<{}>",
    ("arith", "overflowFlags"): "#arith.overflow<{}>",
    ("llvm", "fastmathFlags"): "#llvm.fastmath<{}>",
    ("llvm", "CConv"): "#llvm.cconv<{}>",
    ("vector", "kind"): "#vector.kind<{}>",
    ("vector", "fastmath"): "#arith.fastmath<{}>",
    ("linalg", "fun"): "#linalg.binary_fn<{}>",
    ("linalg", "cast"): "#linalg.type_fn<{}>",
}


# Attributes of older MLIR versions, and what they are called now.
_RENAMED = {
    ("vector.extract", "position"): "static_position",
    ("vector.insert", "position"): "static_position",
}


def rename(made: Draft) -> None:
    """Give attributes of ``made`` that have an old name the present one."""
    for key in list(made.attributes):
        new = _RENAMED.get((made.name, key))
        if new is not None:
            made.attributes[new] = made.attributes.pop(key)


def prepared(operation: str, key: str, value: Value) -> Any | None:
    """The attribute for values whose meaning depends on the key; None for all others."""
    handler = _BY_KEY.get(key)
    attribute = handler(operation, value) if handler is not None else None
    return attribute if attribute is not None else _width(operation, key, value)


def _predicate(operation: str, value: Value) -> Any | None:
    names = _NUMBERED.get((operation, "predicate"))
    if names is None or not isinstance(value, String) or value.value.startswith("#"):
        return None
    if value.value not in names:
        raise UserError(
            f"unknown predicate '{value.value}' of {operation}: expected one of {', '.join(names)}",
            span=value.span,
            hint=nearest(value.value, names),
        )
    number = names.index(value.value)
    return mlir.IntegerAttr.get(mlir.IntegerType.get_signless(64), number)


# Integer attributes that are not i64, which is what a bare number is.
_WIDTHS = {
    ("affine.for", "step"): "index",
    ("index.constant", "value"): "index",
    ("llvm.mlir.global", "addr_space"): "i32",
}


def _width(operation: str, key: str, value: Value) -> Any | None:
    type_ = _WIDTHS.get((operation, key))
    if type_ is None or not isinstance(value, Number):
        return None
    return number_attribute(value.value, mlir.Type.parse(type_), value.span)


def _linkage(operation: str, value: Value) -> Any | None:
    if not operation.startswith("llvm."):
        return None
    if isinstance(value, Number):
        number = int(value.value)
        name = _LINKAGES[number] if 0 <= number < len(_LINKAGES) else _LINKAGES[0]
    elif isinstance(value, String) and not value.value.startswith("#"):
        name = value.value
        if name not in _LINKAGES:
            raise UserError(
                f"unknown linkage '{name}': expected one of {', '.join(_LINKAGES)}",
                span=value.span,
                hint=nearest(name, _LINKAGES),
            )
    else:
        return None
    return mlir.Attribute.parse(f"#llvm.linkage<{name}>")


def _marker(operation: str, value: Value) -> Any | None:
    return mlir.UnitAttr.get() if isinstance(value, Bool) and value.value else None


_ITERATOR = re.compile(r"(?:#linalg\.iterator_type<)?(parallel|reduction|window)>?$")


def _iterators(operation: str, value: Value) -> Any | None:
    if not isinstance(value, Vector):
        return None
    texts = []
    for item in value.items:
        if not isinstance(item, String):
            return None
        found = _ITERATOR.match(item.value)
        if found is None:
            raise UserError(
                f"unknown iterator type '{item.value}': expected parallel, reduction or window",
                span=item.span,
            )
        texts.append(f"#linalg.iterator_type<{found[1]}>")
    # One parse of the whole array: an attribute of linalg on its own would make the bindings
    # import all of linalg's Python modules, which takes longer than most programs.
    return mlir.Attribute.parse(f"[{', '.join(texts)}]")


def _callee(operation: str, value: Value) -> Any | None:
    if isinstance(value, String) and value.value and not value.value.startswith(("@", "#")):
        return mlir.FlatSymbolRefAttr.get(value.value)
    return None


_BY_KEY: dict[str, Callable[[str, Value], Any | None]] = {
    "predicate": _predicate,
    "linkage": _linkage,
    "iterator_types": _iterators,
    # Marks that MLIR looks for as unit attributes. It keeps any kind under these keys.
    "llvm.emit_c_interface": _marker,
    "gpu.kernel": _marker,
    "gpu.container_module": _marker,
    "callee": _callee,
    "global_name": _callee,
}


def alternatives(operation: str, key: str, value: Value, attribute: Any) -> Iterator[Any]:
    """Attributes that ``value`` may have meant, where ``operation`` did not take ``attribute``."""
    if isinstance(value, Bool):
        yield mlir.UnitAttr.get()
    elif isinstance(value, String | Symbol):
        yield from _from_word(operation, key, value)
    elif isinstance(value, Vector):
        yield from _from_vector(value)
    elif isinstance(attribute, mlir.IntegerAttr):
        yield from _other_widths(attribute)
    elif isinstance(attribute, mlir.FloatAttr):
        for type_ in (mlir.F32Type.get(), mlir.F16Type.get()):
            yield mlir.FloatAttr.get(type_, attribute.value)


def _other_widths(attribute: Any) -> Iterator[Any]:
    signless = mlir.IntegerType.get_signless
    for type_ in (signless(64), signless(32), mlir.IndexType.get(), signless(1), signless(8)):
        fits = not isinstance(type_, mlir.IntegerType) or -(1 << (type_.width - 1)) <= (
            attribute.value
        ) < (1 << type_.width)
        if fits:
            yield mlir.IntegerAttr.get(type_, attribute.value)


def _from_word(operation: str, key: str, value: String | Symbol) -> Iterator[Any]:
    word = value.value if isinstance(value, String) else value.text
    dialect = operation.partition(".")[0]
    for owner in (operation, dialect):
        spelling = _SPELLINGS.get((owner, key))
        if spelling is not None:
            yield from _parsed(spelling.format(word))
    if word:  # MLIR reads beyond the end of an empty text
        yield from _parsed(word)
    if isinstance(value, String) and word:
        yield mlir.FlatSymbolRefAttr.get(word)
    else:
        yield mlir.StringAttr.get(word)


def _from_vector(value: Vector) -> Iterator[Any]:
    items = [item.value for item in value.items if isinstance(item, Number | Bool)]
    if len(items) != len(value.items):
        return
    if all(isinstance(item, bool) for item in items):
        yield mlir.DenseBoolArrayAttr.get(items)
    elif all(isinstance(item, int) for item in items):
        numbers = ", ".join(map(str, items))
        yield from _parsed(f"array<i64: {numbers}>" if items else "array<i64>")
        yield from _parsed(f"array<i32: {numbers}>" if items else "array<i32>")
        yield from _parsed(f"dense<[{numbers}]> : tensor<{len(items)}xi64>")


def _parsed(text: str) -> Iterator[Any]:
    try:
        yield mlir.Attribute.parse(text)
    except MLIRError:
        return
