"""Macros written in Lispier: ``defmacro`` and ``require-macros`` (section 8 of the reference).

A macro is a function from a pointer to a list of arguments to a pointer to the expansion. One
that is straight-line is run as it stands (``interpreter``); all others are compiled, those that
are defined by then together, when the first of them is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pharos.core.errors import ErrorList, Note, UserError
from pharos.lisp.expansions import Expansion, State, Written
from pharos.lisp.functions import Function, function_of, referenced
from pharos.lisp.grammar import SYMBOL, Grammar, many
from pharos.lisp.interpreter import Straight, interpretable
from pharos.lisp.macro_engine import MacroEngine, MacroUnit
from pharos.lisp.macros.table import Call, Macro
from pharos.lisp.problems import Consequence, Problems
from pharos.lisp.reader import read
from pharos.lisp.value_functions import POINTER, check_size, placed
from pharos.lisp.values import List, String, Symbol, Value, describe

if TYPE_CHECKING:
    from pharos.lisp.expand import Expander

MAX_DEPTH = 100
# More calls than any program needs: an expansion that doubles itself would go on for ever.
_MAX_CALLS = 100_000
# What expansions of built-in macros call without a declaration.
_C_FUNCTIONS = ("dprintf", "exit", "fflush", "malloc", "printf")
_DEFMACRO = Grammar(SYMBOL)
_ANYTHING = Grammar(many("arguments"))


def unit_of(written: Written, functions: Mapping[str, Function]) -> MacroUnit:
    """``functions`` with all that they need."""
    forms = reachable((function.form for function in functions.values()), written.known)
    used = referenced(forms)
    needed = tuple(name for name in _C_FUNCTIONS if name in used)
    file = next((function.span.file for function in functions.values() if function.span), "")
    return MacroUnit(file, tuple(functions), tuple(forms), needed, tuple(written.libraries))


def reachable(forms: Iterable[Value], known: Mapping[str, Value]) -> list[Value]:
    """``forms`` and what they refer to, directly or not, of ``known``."""
    found: dict[int, Value] = {}
    waiting = list(forms)
    while waiting:
        form = waiting.pop()
        if id(form) not in found:
            found[id(form)] = form
            waiting += [known[name] for name in sorted(referenced([form])) if name in known]
    return list(found.values())


def define_macro(expander: Expander, form: List) -> None:
    """Take in ``(defmacro name)``: the function of that name becomes a macro of the file."""
    (name,) = _DEFMACRO.parse(form, "defmacro")
    written = expander.names.written
    known = written.known.get(name.name)
    function = function_of(known) if known is not None else None
    if function is None or function.operation != "func.func" or not function.defined:
        if name.name in written.failed:
            raise Consequence(f"the function of macro '{name.name}' is wrong", span=name.span)
        if written.deferred is not None:
            written.deferred.append(form)
            return
        raise UserError(
            f"failed to compile dynamic macro '{name.name}': no func.func found with name "
            f"'{name.name}'",
            span=name.span,
            hint="the function stands before (defmacro ...), at the top level of the file",
        )
    _check_type(name.name, function)
    straight = interpretable(function.form, written.known, written.texts)
    if straight is None:
        written.waiting[name.name] = function
    macro = _Written(name.name, function, straight, written)
    made = Macro(name.name, _ANYTHING, macro.expand)
    expander.macros[name.name] = written.defined[name.name] = made


def macro_file(
    text: str, path: str, shared: Written, library: Callable[[List], Any] | None
) -> dict[str, Macro]:
    """The macros that the file of macros at ``path``, with that ``text``, defines.

    The file is on its own: it requires no other files, and its functions are no part of the
    program. A ``defmacro`` may stand before its function. ``library`` tells what a
    ``link-library`` form names; without it the file is Pharos's own, and errors do not tell of
    it. Raises UserError, or ErrorList for several mistakes.
    """
    from pharos.lisp.expand import Expander, Names, deep_recursion

    written = Written(shared.engine, deferred=[], packaged=library is None)
    expander = Expander(Names(written=written))
    problems = Problems()
    for value in read(text, path):
        with problems.gathered(), deep_recursion(value.span):
            for form in expander.top_level(value):
                if isinstance(form, List) and form.head == "link-library" and library:
                    written.libraries.append(library(form).name)
    late, written.deferred = written.deferred or [], None
    for form in late:
        with problems.gathered():
            define_macro(expander, form)
    problems.report()
    return written.defined


def _check_type(name: str, function: Function) -> None:
    types = (function.inputs, function.outputs)
    for given in types:
        if given is None or len(given) != 1 or _text(given[0]) != POINTER:
            found = describe(function.type) if function.type is not None else "none"
            raise UserError(
                f"failed to compile dynamic macro '{name}': expected a function of type "
                f"(-> [!llvm.ptr] [!llvm.ptr]), got {found}",
                span=(function.type.span if function.type is not None else None) or function.span,
                hint=f"(defn {name} [(: arguments !llvm.ptr)] -> !llvm.ptr ...)",
            )


def _text(type_: Value) -> str:
    if isinstance(type_, Symbol):
        return type_.text
    return type_.value if isinstance(type_, String) else ""


@dataclass
class _Written:
    """One macro."""

    name: str
    function: Function
    straight: Straight | None
    written: Written
    broken: bool = False

    def expand(self, call: Call, arguments: list[Value]) -> Value:
        """The expansion of ``call``, everything that the macro made placed at the call."""
        state = self._begin(call)
        given = List(list(arguments), call.span)
        try:
            if self.straight is not None:
                value = self.straight.run(state, given)
                if value is not None:
                    check_size(value)
            else:
                value = self._compiled(call, given, state)
        except Consequence:
            raise
        except UserError as error:
            if error.span is not None or isinstance(error, ErrorList):
                raise
            raise self._refused(call, f"macro '{self.name}': {error.message}") from None
        if state.failure is not None:
            raise self._refused(call, f"macro '{self.name}': {state.failure}")
        if value is None:
            raise self._refused(call, f"JIT macro '{self.name}' returned null")
        return placed(value, call.span)

    def _begin(self, call: Call) -> State:
        """Count the call, and refuse it when there is no end to them."""
        shared = call.expander.names.written
        shared.calls += 1
        call.expander.nested += 1
        if call.expander.nested > MAX_DEPTH:
            raise self._refused(
                call,
                f"maximum macro expansion depth exceeded: the expansion of '{self.name}' goes on "
                f"to call macros more than {MAX_DEPTH} deep",
            )
        if shared.calls > _MAX_CALLS:
            raise self._refused(call, f"macro expansion does not end: more than {_MAX_CALLS} calls")
        if call.span is not None and not self.written.packaged:
            shared.expansions.append(Expansion(call.span, self.name, self.function.span))
        shared.state.failure = None
        return shared.state

    def _refused(self, call: Call, message: str) -> UserError:
        return UserError(message, span=call.span, notes=self._here())

    def _here(self) -> list[Note]:
        if self.written.packaged:
            return []
        return [Note(f"the macro '{self.name}' is written here", self.function.span)]

    def _compiled(self, call: Call, arguments: List, state: State) -> Value | None:
        engine = self.written.engine
        if engine is None:
            raise UserError(
                f"macro '{self.name}' has to be compiled, and nothing here compiles",
                span=call.span,
                notes=self._here(),
                hint="load the program with pharos.toolchain",
            )
        if self.broken:
            raise Consequence(f"macro '{self.name}' is wrong", span=call.span)
        unit = self.written.units.get(id(self.function.form)) or self._compile(engine, call)
        return engine.call(unit, self.name, arguments, state)

    def _compile(self, engine: MacroEngine, call: Call) -> MacroUnit:
        """A unit with this macro, compiled: with all that wait, else on its own."""
        functions = {**self.written.waiting, self.name: self.function}
        unit = unit_of(self.written, functions)
        try:
            engine.compile(unit)
        except UserError:
            functions = {self.name: self.function}
            unit = unit_of(self.written, functions)
            try:
                engine.compile(unit)
            except UserError as error:
                self.broken = True
                raise self._uncompilable(error, call) from None
        for name, function in functions.items():
            self.written.waiting.pop(name, None)
            self.written.units[id(function.form)] = unit
        return unit

    def _uncompilable(self, error: UserError, call: Call) -> UserError:
        errors = error.errors if isinstance(error, ErrorList) else [error]
        told = [
            UserError(
                f"failed to compile dynamic macro '{self.name}': {one.message}",
                span=one.span or self.function.span,
                hint=one.hint,
                notes=[*one.notes, Note("used here", call.span)],
            )
            for one in errors
        ]
        return told[0] if len(told) == 1 else ErrorList(told)
