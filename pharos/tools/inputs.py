"""What ``--input`` describes: 256x512xf32xrnd,64x64xbf16xid,i64x3,@weights.npy

Items stand in the order of the function's arguments. An item is the sizes, the element type and
the value, joined by x; a scalar or an array of rank 0 has no sizes. The value is rnd, id (the
identity, two equal sizes) or a number. @FILE is an array that numpy saved.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pharos.core.artifact import Argument, EntryPoint
from pharos.core.errors import UserError, nearest
from pharos.core.span import Span, register_source
from pharos.runtime.checks import describe
from pharos.runtime.dtypes import BF16, FLOATS, NUMPY, accepts, as_bf16, from_bf16, name_of

_OPTION = "--input"
_SIZE = re.compile(r"([0-9]+)(x|$)")
# Random integers lie between these, both included; an index is not negative.
_LEAST, _MOST = -9, 9
# A size for a dimension that the signature leaves open, in examples.
_ANY_SIZE = 16


@dataclass(frozen=True)
class Item:
    """One described argument: ``path``, or ``shape``, ``dtype`` and ``value``."""

    span: Span
    shape: tuple[int, ...] = ()
    dtype: str = ""
    value: str = ""
    path: Path | None = None


def parse_inputs(text: str) -> list[Item]:
    """The items of ``text``. Raises UserError that names the item and the column."""
    register_source(_OPTION, text)
    items, at = [], 0
    for number, part in enumerate(text.split(",")):
        items.append(_item(part, number, at))
        at += len(part) + 1
    return items


def make_inputs(items: Sequence[Item], entry: EntryPoint, seed: int) -> list[Any]:
    """A value for each argument of ``entry``: arrays and numbers.

    ``seed`` decides the random ones; each has numbers of its own, whatever the others are.
    Raises UserError when an item does not fit its argument, or there are too many or too few.
    """
    if len(items) != len(entry.arguments):
        raise UserError(
            f"'{entry.name}' takes {len(entry.arguments)} argument(s) "
            f"({', '.join(map(describe, entry.arguments))}), found {len(items)} in {_OPTION}",
            hint=example(entry),
        )
    pairs = enumerate(zip(items, entry.arguments, strict=True))
    return [_made(item, argument, number, seed) for number, (item, argument) in pairs]


def make_arrays(items: Sequence[Item], seed: int) -> list[np.ndarray[Any, Any]]:
    """An array for each item as it describes itself, where no signature says what is wanted."""
    made = []
    for number, item in enumerate(items):
        if item.path is not None:
            made.append(_read(item, item.path, number))
            continue
        _check_room(item, number)
        made.append(_filled(item, np.random.default_rng([seed, number])))
    return made


def example(entry: EntryPoint) -> str:
    """A hint: inputs that ``entry`` takes, as one would write them."""
    if not entry.arguments:
        return f"'{entry.name}' takes no arguments"
    if any(argument.kind == "pointer" for argument in entry.arguments):
        return "a pointer cannot be described; call another function"
    return f"for instance {_OPTION} {','.join(map(_example, entry.arguments))}"


def usual(entry: EntryPoint) -> str | None:
    """Inputs that ``entry`` takes, random ones; None where sizes are open or there are pointers."""
    known = all(a.kind != "pointer" and -1 not in a.shape for a in entry.arguments)
    return ",".join(map(_example, entry.arguments)) if known else None


def _example(argument: Argument) -> str:
    sizes = [str(_ANY_SIZE if size == -1 else size) for size in argument.shape]
    return "x".join([*sizes, argument.dtype, "rnd" if argument.kind == "memref" else "1"])


# ---------------------------------------------------------------------------------------------
# Text to items


def _item(text: str, number: int, at: int) -> Item:
    whole = _span(at, len(text))
    if text.startswith("@"):
        if len(text) == 1:
            raise UserError(f"item {number}: expected a file's name after '@'", span=whole)
        return Item(whole, path=Path(text[1:]))
    sizes, rest = _sizes(text)
    start = at + len(text) - len(rest)
    dtype = _dtype(rest, number, start)
    value = rest[len(dtype) + 1 :]
    if not value:
        raise UserError(
            f"item {number}: expected a value after '{dtype}': 0, 1, rnd, id or a number",
            span=whole,
            hint=f"for instance {text.removesuffix('x')}xrnd",
        )
    _check_value(value, sizes, dtype, number, _span(start + len(dtype) + 1, len(value)))
    return Item(whole, sizes, dtype, value)


def _sizes(text: str) -> tuple[tuple[int, ...], str]:
    """The sizes that ``text`` begins with, and the rest."""
    sizes = []
    while (size := _SIZE.match(text)) is not None:
        sizes.append(int(size[1]))
        text = text[size.end() :]
    return tuple(sizes), text


def _dtype(text: str, number: int, at: int) -> str:
    """The element type that ``text`` begins with. Not what is before the first x: index has one."""
    for name in NUMPY:
        if text == name or text.startswith(f"{name}x"):
            return name
    word = text.partition("x")[0] or text
    raise UserError(
        f"item {number}: expected a size or an element type ({', '.join(NUMPY)}), "
        f"found {repr(word) if word else 'nothing'}",
        span=_span(at, len(word)),
        hint=nearest(word, NUMPY),
    )


def _span(at: int, length: int) -> Span:
    return Span(_OPTION, 1, at + 1, 1, at + 1 + length)


def _check_value(value: str, shape: tuple[int, ...], dtype: str, number: int, span: Span) -> None:
    if value == "rnd":
        return
    if value == "id":
        if len(shape) != 2 or shape[0] != shape[1]:
            raise UserError(
                f"item {number}: expected two equal sizes for the identity, found "
                f"{'x'.join(map(str, shape)) or 'none'}",
                span=span,
            )
        return
    _check_number(value, dtype, number, span)


def _check_number(value: str, dtype: str, number: int, span: Span) -> None:
    floating = dtype in FLOATS
    try:
        wanted = float(value) if floating else int(value)
    except ValueError:
        raise UserError(
            f"item {number}: expected 0, 1, rnd, id or a {'' if floating else 'whole '}number "
            f"as {dtype}, found '{value}'",
            span=span,
            hint=nearest(value, ("rnd", "id")),
        ) from None
    low, high = _range(dtype)
    if math.isfinite(wanted) and not low <= wanted <= high:
        raise UserError(
            f"item {number}: expected {low} to {high} as {dtype}, found {value}", span=span
        )


def _range(dtype: str) -> tuple[float, float]:
    """The least and the greatest finite value of an element type."""
    if dtype == "i1":
        return 0, 1
    if dtype == "bf16":
        most = float(from_bf16(np.array(0x7F7F, np.uint16)))
        return -most, most
    limits: Any = np.finfo if dtype in FLOATS else np.iinfo
    found = limits(NUMPY[dtype])
    kind = float if dtype in FLOATS else int
    return kind(found.min), kind(found.max)


# ---------------------------------------------------------------------------------------------
# Items to values


def _made(item: Item, argument: Argument, number: int, seed: int) -> Any:
    where = f"item {number}: expected {describe(argument)}"
    if argument.kind == "pointer":
        raise UserError(f"{where}, which {_OPTION} cannot describe", span=item.span)
    if item.path is not None:
        return _checked(_loaded(item, item.path, number, argument), where, item, argument)
    _check_room(item, number)
    array = _filled(item, np.random.default_rng([seed, number]))
    return _checked(array, where, item, argument)


def _checked(array: Any, where: str, item: Item, argument: Argument) -> Any:
    """``array`` as ``argument`` takes it, a number for a scalar."""
    found = f"{name_of(array.dtype) or array.dtype}[{', '.join(map(str, array.shape))}]"
    fits = len(array.shape) == len(argument.shape) and all(
        want in (-1, have) for want, have in zip(argument.shape, array.shape, strict=True)
    )
    if not fits or not accepts(argument.dtype, array.dtype):
        raise UserError(f"{where}, found {found}", span=item.span)
    if argument.kind == "memref":
        return array
    return float(array) if argument.dtype in FLOATS else int(array)


def _check_room(item: Item, number: int) -> None:
    needed = math.prod(item.shape) * NUMPY[item.dtype].itemsize
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise UserError(
            f"item {number}: needs {needed >> 20} MiB, this machine has {memory >> 20} MiB",
            span=item.span,
        )


def _filled(item: Item, random: np.random.Generator) -> np.ndarray[Any, Any]:
    dtype = NUMPY[item.dtype]
    if item.value == "id":
        return _narrowed(np.eye(item.shape[0]), dtype)
    if item.value != "rnd":
        number = float(item.value) if item.dtype in FLOATS else int(item.value)
        return _narrowed(np.full(item.shape, number), dtype)
    if item.dtype in FLOATS:
        single = np.float64 if item.dtype == "f64" else np.float32
        return _narrowed(np.asarray(random.standard_normal(item.shape, single)), dtype)
    least = _LEAST if item.dtype not in ("index", "i1") else 0
    most = 1 if item.dtype == "i1" else _MOST
    array = np.asarray(random.integers(least, most, item.shape, endpoint=True)).astype(dtype)
    if array.size and not array.any():
        # All zero would hide most mistakes of the code under test.
        array.flat[0] = 1
    return array


def _narrowed(array: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if dtype == BF16:
        return as_bf16(array.astype(np.float32))
    return array.astype(dtype)


def _loaded(item: Item, path: Path, number: int, argument: Argument) -> np.ndarray[Any, Any]:
    array = _read(item, path, number)
    if argument.dtype == "bf16" and array.dtype in (np.dtype("V2"), np.dtype(np.uint16)):
        # numpy's format has no name for bf16 and saves it as two bytes of anything.
        array = array.view(BF16)
    return np.require(array, requirements=["C", "A", "W"])


def _read(item: Item, path: Path, number: int) -> np.ndarray[Any, Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"item {number}: cannot read {path}: {reason}", span=item.span) from None
    except (ValueError, EOFError) as error:
        raise UserError(
            f"item {number}: {path} is no array that numpy saved: {error}", span=item.span
        ) from None
    if not isinstance(array, np.ndarray):
        raise UserError(
            f"item {number}: expected one array in {path}, found an archive",
            span=item.span,
            hint="numpy.save writes one array, numpy.savez an archive",
        )
    return array
