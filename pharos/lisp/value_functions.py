"""The value functions that macros call (section 8.2 of the language reference), on values.

Each is a plain function here; ``value_pointers`` gives compiled code a C function for each, and
``interpreter`` calls them as they are. A pointer that is null, or that points to another kind of
value than a function wants, is None or that value here: no function fails on any argument.

Beyond the reference there are functions for vectors and maps, for the place and text of a value,
and for refusing a call with a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pharos.core.errors import UserError
from pharos.lisp.expansions import State
from pharos.lisp.namespaces import Namespaces, outside_brackets
from pharos.lisp.reader import read_values
from pharos.lisp.tokens import Source
from pharos.lisp.values import (
    EXACT,
    Bool,
    Keyword,
    List,
    Map,
    Nil,
    Number,
    String,
    Symbol,
    Value,
    Vector,
    to_text,
)

POINTER, TEXT, NOTHING = "!llvm.ptr", "text", ""
_Pointer: TypeAlias = Value | None


@dataclass(frozen=True)
class ValueFunction:
    """One function: its types (``TEXT`` is a C string), and what it does with values."""

    name: str
    inputs: tuple[str, ...]
    output: str
    call: Callable[..., Any]

    @property
    def signature(self) -> tuple[list[str], list[str]]:
        """The argument and result types as Lispier writes them."""
        types = [_written(type_) for type_ in (*self.inputs, self.output)]
        return types[:-1], [type_ for type_ in types[-1:] if type_]


def _written(type_: str) -> str:
    return POINTER if type_ == TEXT else type_


@dataclass
class _Table:
    functions: dict[str, ValueFunction] = field(default_factory=dict)

    def add(self, name: str, inputs: tuple[str, ...], output: str) -> Callable[..., Any]:
        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.functions[name] = ValueFunction(name, inputs, output, function)
            return function

        return register


_table = _Table()
VALUE_FUNCTIONS = _table.functions
_function = _table.add
_P, _PP, _T = (POINTER,), (POINTER, POINTER), (TEXT,)


def copied(value: Value) -> Value:
    """A copy of ``value``. What is inside a value never changes, so it is shared."""
    if isinstance(value, List):
        return List(list(value.items), value.span)
    if isinstance(value, Vector):
        return Vector(list(value.items), value.span)
    if isinstance(value, Map):
        return Map(dict(value.entries), value.span, dict(value.key_spans))
    return value


def _number(value: float) -> Number:
    whole = value.is_integer() and abs(value) <= EXACT and repr(value) != "-0.0"
    return Number(int(value) if whole else value)


# -- making values --------------------------------------------------------------------------------

for _name, _make in {
    "value_list_new": lambda _: List([]),
    "value_vector_new": lambda _: Vector([]),
    "value_map_new": lambda _: Map({}),
    "value_nil_new": lambda _: Nil(),
}.items():
    _function(_name, (), POINTER)(_make)

for _name, _text in {
    "value_symbol_arith_addi": "arith.addi",
    "value_symbol_arith_subi": "arith.subi",
    "value_symbol_arith_muli": "arith.muli",
    "value_symbol_arith_divsi": "arith.divsi",
    "value_symbol_func_return": "func.return",
    "value_symbol_def": "def",
    "value_symbol_do": "do",
    "value_symbol_colon": ":",
}.items():
    _function(_name, (), POINTER)(lambda _, text=_text: Symbol(text))


@_function("value_symbol_new", _T, POINTER)
def _symbol_new(_: State, text: str | None) -> _Pointer:
    return None if text is None else Symbol(text)


@_function("value_string_new", _T, POINTER)
def _string_new(_: State, text: str | None) -> _Pointer:
    return None if text is None else String(text)


@_function("value_keyword_new", _T, POINTER)
def _keyword_new(_: State, text: str | None) -> _Pointer:
    return None if text is None else Keyword(text.removeprefix(":"))


@_function("value_number_new", ("f64",), POINTER)
def _number_new(_: State, value: float) -> _Pointer:
    return _number(value)


@_function("value_bool_new", ("i1",), POINTER)
def _bool_new(_: State, value: bool) -> _Pointer:
    return Bool(value)


@_function("value_read", _T, POINTER)
def _read(_: State, text: str | None) -> _Pointer:
    """The one value that ``text`` writes; null for anything else."""
    try:
        values = read_values(Source(text or "", "<value_read>"), Namespaces(lenient=True))
    except UserError:
        return None
    return _without_places(values[0]) if len(values) == 1 else None


def _without_places(value: Value) -> Value:
    if isinstance(value, List | Vector):
        return type(value)([_without_places(item) for item in value.items])
    if isinstance(value, Map):
        return Map({key: _without_places(item) for key, item in value.entries.items()})
    made = copied(value) if not isinstance(value, Symbol) else Symbol(value.text)
    made.span = None
    return made


@_function("value_gensym", (), POINTER)
def _gensym(state: State) -> _Pointer:
    return _gensym_prefix(state, "__G")


@_function("value_gensym_prefix", _T, POINTER)
def _gensym_prefix(state: State, prefix: str | None) -> _Pointer:
    if prefix is None:
        return None
    state.made += 1
    return Symbol(f"{prefix}__{state.made - 1}")


@_function("value_clone", _P, POINTER)
def _clone(_: State, value: _Pointer) -> _Pointer:
    return None if value is None else copied(value)


@_function("value_free", _P, NOTHING)
def _free(_: State, value: _Pointer) -> None:
    """Whoever keeps the pointers forgets this one."""


# -- lists ----------------------------------------------------------------------------------------


def _items(value: _Pointer) -> list[Value]:
    return value.items if isinstance(value, List) else []


@_function("value_list_push", _PP, NOTHING)
def _list_push(_: State, target: _Pointer, item: _Pointer) -> None:
    if isinstance(target, List) and item is not None:
        target.items.append(copied(item))


@_function("value_list_extend", _PP, NOTHING)
def _list_extend(_: State, target: _Pointer, items: _Pointer) -> None:
    """Append copies of all items of a list or vector."""
    if isinstance(target, List) and isinstance(items, List | Vector):
        target.items.extend([copied(item) for item in items.items])


@_function("value_list_first", _P, POINTER)
def _list_first(state: State, value: _Pointer) -> _Pointer:
    return _list_get(state, value, 0)


@_function("value_list_rest", _P, POINTER)
def _list_rest(_: State, value: _Pointer) -> _Pointer:
    return List(value.items[1:]) if isinstance(value, List) else None


@_function("value_list_len", _P, "i64")
def _list_len(_: State, value: _Pointer) -> int:
    return len(_items(value))


@_function("value_list_get", (POINTER, "i64"), POINTER)
def _list_get(_: State, value: _Pointer, index: int) -> _Pointer:
    items = _items(value)
    return copied(items[index]) if 0 <= index < len(items) else None


@_function("value_list_last", _P, POINTER)
def _list_last(_: State, value: _Pointer) -> _Pointer:
    return copied(_items(value)[-1]) if _items(value) else None


@_function("value_list_but_last", _P, POINTER)
def _list_but_last(_: State, value: _Pointer) -> _Pointer:
    return List(value.items[:-1]) if isinstance(value, List) else None


@_function("value_list_every", (POINTER, "i64", "i64"), POINTER)
def _list_every(_: State, value: _Pointer, first: int, step: int) -> _Pointer:
    """The items ``first``, ``first + step``, ...: the names of ``(a 0 b 1)`` by 0, 2."""
    if not isinstance(value, List) or first < 0 or step < 1:
        return None
    return List(value.items[first::step])


@_function("value_list_typed", _PP, POINTER)
def _list_typed(_: State, names: _Pointer, types: _Pointer) -> _Pointer:
    """``(: name type)`` for each name; ``types`` is one type, or a list or vector of as many."""
    if not isinstance(names, List) or types is None:
        return None
    each = types.items if isinstance(types, List | Vector) else [types]
    if len(each) != len(names.items):
        return None
    pairs = zip(names.items, each, strict=True)
    return List([List([Symbol(":"), copied(name), copied(type_)]) for name, type_ in pairs])


# -- vectors and maps -----------------------------------------------------------------------------


@_function("value_list_to_vector", _P, POINTER)
def _list_to_vector(_: State, value: _Pointer) -> _Pointer:
    return Vector(list(value.items), value.span) if isinstance(value, List) else None


@_function("value_vector_to_list", _P, POINTER)
def _vector_to_list(_: State, value: _Pointer) -> _Pointer:
    return List(list(value.items), value.span) if isinstance(value, Vector) else None


@_function("value_map_set", (POINTER, TEXT, POINTER), NOTHING)
def _map_set(_: State, target: _Pointer, key: str | None, item: _Pointer) -> None:
    if isinstance(target, Map) and key is not None and item is not None:
        target.entries[key.removeprefix(":")] = copied(item)


@_function("value_map_get", (POINTER, TEXT), POINTER)
def _map_get(_: State, value: _Pointer, key: str | None) -> _Pointer:
    if not isinstance(value, Map) or key is None:
        return None
    item = value.entries.get(key.removeprefix(":"))
    return None if item is None else copied(item)


# -- questions ------------------------------------------------------------------------------------

for _name, _kind in {
    "list": List,
    "vector": Vector,
    "map": Map,
    "symbol": Symbol,
    "string": String,
    "number": Number,
    "keyword": Keyword,
    "bool": Bool,
    "nil": Nil,
}.items():
    _function(f"value_is_{_name}", _P, "i1")(lambda _, value, kind=_kind: isinstance(value, kind))


@_function("value_equal", _PP, "i1")
def _equal(_: State, first: _Pointer, second: _Pointer) -> bool:
    return first is not None and first == second


@_function("value_or", _PP, POINTER)
def _or(_: State, value: _Pointer, otherwise: _Pointer) -> _Pointer:
    """A copy of the first, or of the second where the first is null."""
    chosen = otherwise if value is None else value
    return None if chosen is None else copied(chosen)


@_function("value_symbol_name", _P, TEXT)
def _symbol_name(_: State, value: _Pointer) -> str | None:
    """The name without its namespace: ``addi`` of a program's ``arith.addi``.

    A symbol that a macro made has no namespace; all of its text is its name.
    """
    if not isinstance(value, Symbol):
        return None
    text = value.text
    if value.span is None or text[:1] == "!" or text == "...":
        return text
    if value.name != text:
        return value.name
    bare = outside_brackets(text)
    dot = bare.find(".", 1)
    return text[dot + 1 :] if 0 < dot < len(text) - 1 else text


@_function("value_symbol_text", _P, TEXT)
def _symbol_text(_: State, value: _Pointer) -> str | None:
    """The name with its namespace."""
    return value.text if isinstance(value, Symbol) else None


@_function("value_string_get", _P, TEXT)
def _string_get(_: State, value: _Pointer) -> str | None:
    return value.value if isinstance(value, String) else None


@_function("value_keyword_name", _P, TEXT)
def _keyword_name(_: State, value: _Pointer) -> str | None:
    return value.name if isinstance(value, Keyword) else None


@_function("value_number_get", _P, "f64")
def _number_get(_: State, value: _Pointer) -> float:
    if not isinstance(value, Number):
        return 0.0
    try:
        return float(value.value)
    except OverflowError:
        return float("inf") if value.value > 0 else float("-inf")


@_function("value_bool_get", _P, "i1")
def _bool_get(_: State, value: _Pointer) -> bool:
    return isinstance(value, Bool) and value.value


@_function("value_text", _P, POINTER)
def _text_of(_: State, value: _Pointer) -> _Pointer:
    """The string that writes the value."""
    return None if value is None else String(to_text(value))


@_function("value_place", _P, POINTER)
def _place_of(_: State, value: _Pointer) -> _Pointer:
    """The string ``file:line:column`` of a value of the program; empty for what macros made."""
    return None if value is None else String(str(value.span) if value.span else "")


# -- refusing a call ------------------------------------------------------------------------------


@_function("value_fail", _T, NOTHING)
def _fail(state: State, message: str | None) -> None:
    """Let the macro call be an error with this message; the first one counts."""
    if state.failure is None:
        state.failure = message or ""


@_function("value_expect", (POINTER, "i64", "i64", TEXT), NOTHING)
def _expect(state: State, arguments: _Pointer, least: int, most: int, usage: str | None) -> None:
    """Let the call be an error unless a list has ``least`` to ``most`` items (-1: any number)."""
    count = len(_items(arguments))
    if least <= count and (most < 0 or count <= most):
        return
    expected = f"at least {least}" if most < 0 else f"{least} to {most}"
    expected = str(least) if least == most else expected
    written = f": write {usage}" if usage else ""
    _fail(state, f"wrong number of forms, expected {expected}, got {count}{written}")


def placed(value: Value, span: Any) -> Value:
    """``value``, with ``span`` as the place of everything in it that has none."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if item.span is None:
            item.span = span
        if isinstance(item, List | Vector):
            waiting += item.items
        elif isinstance(item, Map):
            waiting += item.entries.values()
    return value


# What a macro may return: deep enough for any program, and shallow enough for what walks it.
MAX_DEPTH = 500
MAX_ITEMS = 1_000_000


def check_size(value: Value) -> None:
    """Raise UserError for a value that nests too deeply or is too big to go on with."""
    waiting = [(value, 1)]
    for _ in range(MAX_ITEMS):
        if not waiting:
            return
        item, level = waiting.pop()
        if level > MAX_DEPTH:
            raise UserError(f"its expansion is nested more than {MAX_DEPTH} deep")
        if isinstance(item, List | Vector):
            waiting += [(inner, level + 1) for inner in item.items]
        elif isinstance(item, Map):
            waiting += [(inner, level + 1) for inner in item.entries.values()]
    raise UserError(f"its expansion has more than {MAX_ITEMS} parts")
