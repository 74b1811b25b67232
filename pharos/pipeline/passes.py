"""Passes as MLIR's text, and the check that MLIR knows them, before any of them runs.

MLIR's text has quotes but no escapes, and trims what is in them; a value that it cannot carry is
refused here. Format: mlir/lib/Pass/PassRegistry.cpp, extractArgAndUpdateOptions.
"""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Iterator
from typing import Any

from pharos.core.errors import Note, UserError, nearest
from pharos.core.span import Span
from pharos.ir import new_context
from pharos.ir.bindings import PassManager
from pharos.pipeline.stages import Pass, PassStage
from pharos.pipeline.values import WORD_CHARACTERS, Options, Value, format_value

_ANY_OPERATION = "any"
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_UNKNOWN_OPTION = re.compile(r"no such option (\S+)")
_RESTRICTED = re.compile(r"restricted to '([\w.]+)'")
_PRINTED_OPTION = re.compile(r"([\w-]+)=")
# What a pass name or an operation name is made of, for trying other spellings.
_NAME_CHARACTERS = string.ascii_lowercase + string.digits + "-._"


def mlir_text(stage: PassStage) -> str:
    """``stage`` as MLIR's pass manager reads it. Options that are none are left out."""
    return ",".join(map(_pass_text, stage.passes))


def single_passes(stage: PassStage) -> list[tuple[str, str]]:
    """The passes of ``stage`` in order: the name of each, and MLIR's text to run it alone.

    Passes under one operation then run one after the other on all such operations, instead of
    all on one after the other, which comes to the same.
    """

    def under(item: Pass) -> Iterator[tuple[str, str]]:
        if not item.nested:
            yield item.name, _pass_text(item)
        for inner in item.nested:
            yield from ((name, f"{item.name}({text})") for name, text in under(inner))

    return [single for item in stage.passes for single in under(item)]


def check_passes(stage: PassStage) -> None:
    """Raise UserError with the place unless MLIR knows every pass, option and operation."""
    for item in stage.passes:
        _check_pass(item, "builtin.module")
    # Each pass is good by itself; this asks about what they are together.
    problem = _problem(mlir_text(stage))
    if problem:
        raise UserError(f"MLIR refuses these passes: {problem}", span=stage.span)


def _pass_text(item: Pass) -> str:
    if item.nested:
        return f"{item.name}({','.join(map(_pass_text, item.nested))})"
    options = [
        f"{name}={_option_text(value, item.options.span(name))}"
        for name, value in item.options.items()
        if value is not None
    ]
    return f"{item.name}{{{' '.join(options)}}}" if options else item.name


def _option_text(value: Value, span: Span | None) -> str:
    if isinstance(value, tuple):
        return f"{{{','.join(_option_text(item, span) for item in value)}}}"
    if isinstance(value, str):
        return _string_text(value, span)
    if value is None:
        raise UserError("none cannot be an element of a list that a pass is given", span=span)
    return format_value(value)


def _string_text(text: str, span: Span | None) -> str:
    if text and WORD_CHARACTERS.issuperset(text):
        return text
    quote = next((mark for mark in "'\"" if mark not in text), None)
    if quote is None or text != text.strip() or "\0" in text or not _balanced(text):
        raise UserError(
            f"MLIR cannot read the text {format_value(text)} as an option of a pass",
            span=span,
            hint="it allows no blanks at the ends, no unpaired braces, one sort of quotes",
        )
    return f"{quote}{text}{quote}"


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def _parse_problem(text: str, anchor: str = "builtin.module") -> str:
    """What MLIR says against the passes ``text`` on ``anchor``; empty when nothing."""
    try:
        with _context():
            PassManager.parse(f"{anchor}({text})")
    except ValueError as error:
        return str(error).strip()
    return ""


# MLIR prints some problems to stderr as well: ask once.
_problem = functools.lru_cache(maxsize=4096)(_parse_problem)


@functools.lru_cache(maxsize=1)
def _context() -> Any:
    """A context for questions about names; no module is ever made in it."""
    return new_context()


def _check_pass(item: Pass, anchor: str) -> None:
    if item.nested:
        _check_operation(item)
        for nested in item.nested:
            _check_pass(nested, item.name)
        return
    if not _is_pass(item.name):
        raise UserError(
            f"MLIR has no pass '{item.name}'", span=item.span, hint=_other_pass(item.name)
        )
    odd = next((name for name in item.options if not _NAME.fullmatch(name)), None)
    if odd is not None:
        raise UserError(
            f"pass '{item.name}' has no option {format_value(odd)}", span=item.options.span(odd)
        )
    problem = _problem(_pass_text(item), anchor)
    restricted = _RESTRICTED.search(problem)
    if restricted:
        on_module = anchor == "builtin.module"
        raise UserError(
            f"pass '{item.name}' runs on {restricted[1]}, not on {anchor}",
            span=item.span,
            hint=f"write {restricted[1]}({item})" if on_module else f"take it out of {anchor}(...)",
        )
    if problem:
        raise _option_error(item, anchor, problem)


def _is_pass(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and not _problem(name, _ANY_OPERATION)


def _option_error(item: Pass, anchor: str, problem: str) -> UserError:
    unknown = _UNKNOWN_OPTION.search(problem)
    if unknown:
        known = _PRINTED_OPTION.findall(_printed(item.name))
        listing = [Note(f"its options: {', '.join(known)}")] if known else []
        return UserError(
            f"pass '{item.name}' has no option '{unknown[1]}'",
            span=item.options.span(unknown[1]) or item.span,
            hint=nearest(unknown[1], known),
            notes=listing,
        )
    for name, value in item.options.items():
        if _problem(_pass_text(Pass(item.name, Options({name: value}))), anchor):
            return UserError(
                f"pass '{item.name}' does not accept {name}={format_value(value)}",
                span=item.options.span(name) or item.span,
                hint=_default_hint(item.name, name),
            )
    return UserError(f"MLIR refuses pass '{item}': {problem}", span=item.span)


def _printed(name: str) -> str:
    with _context():
        return str(PassManager.parse(f"{_ANY_OPERATION}({name})"))


def _default_hint(name: str, option: str) -> str | None:
    default = re.search(rf"[{{ ]{re.escape(option)}=(\S+?)[ }}]", _printed(name))
    return f"its default is {option}={default[1]}" if default else None


def _check_operation(item: Pass) -> None:
    if item.name == _ANY_OPERATION or _is_operation(item.name):
        return
    other = next(filter(_is_operation, _other_spellings(item.name)), None)
    raise UserError(
        f"expected an operation to nest passes under, found '{item.name}'",
        span=item.span,
        hint=f"did you mean '{other}'?" if other else "for example func.func(cse)",
    )


def _is_operation(name: str) -> bool:
    known: bool = _context().is_registered_operation(name)
    return known


def _other_pass(name: str) -> str | None:
    for other in _other_spellings(name):
        # Not through the cache, which this would fill with misses.
        if _NAME.fullmatch(other) and not _parse_problem(other, _ANY_OPERATION):
            return f"did you mean '{other}'?"
    return None


def _other_spellings(name: str) -> Iterator[str]:
    """Names one slip away from ``name``.

    MLIR's bindings cannot list the passes, only say whether there is one of a given name.
    """
    yield name.lower().replace("_", "-")
    for at in range(len(name) + 1):
        head, tail = name[:at], name[at:]
        if tail:
            yield head + tail[1:]
            yield head + tail[1:2] + tail[:1] + tail[2:]
        for character in _NAME_CHARACTERS:
            yield head + character + tail
            yield head + character + tail[1:]
