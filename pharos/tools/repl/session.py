"""What the prompt knows: definitions, values, and how a line changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pharos import ir
from pharos.core.errors import UserError, render
from pharos.lisp.growing import USUAL_DIALECTS, Growing
from pharos.lisp.values import List, String, Symbol, Value, to_text
from pharos.toolchain import macro_engine
from pharos.tools.repl.definitions import Definition, definition_of, mentioned
from pharos.tools.repl.expression import EXPRESSION, Expression, Result, Slot
from pharos.tools.repl.native import Linked, compile_module
from pharos.tools.repl.units import forms_of, lower_forms, written

# Names of the last values, the latest first.
HISTORY = ("*1", "*2", "*3")


class Running:
    """Says that compiling is over and the program's own code begins."""


@dataclass(frozen=True)
class Defined:
    """What a definition says about itself: its name, its type as text."""

    name: str
    type: str


class Session:
    """One run of the prompt, in one process.

    Every method that takes text raises UserError or ErrorList; the session is then in a state
    between two lines, and whoever calls goes back to the one before (see ``worker``).
    """

    def __init__(self) -> None:
        self.context = ir.new_context()
        self.growing = Growing("<repl>", dialects=USUAL_DIALECTS, engine=macro_engine())
        self.definitions: dict[str, Definition] = {}
        self.values: dict[str, Slot] = {}
        self._globals: dict[str, tuple[int, int]] = {}
        self._linked: dict[frozenset[int], Linked] = {}
        # The code of all lines: values may point to constants in it.
        self._lines: list[Linked] = []

    # -- lines --------------------------------------------------------------------------------

    def evaluate(
        self, text: str, name: str, *, folder: str = ""
    ) -> Iterator[Defined | Result | str | Running]:
        """Do what ``text`` says: first all its definitions, then its other forms in order.

        ``folder`` is where the files are that it requires. Yields what there is to tell, as it
        comes about; a text is a warning.
        """
        with self.growing.program.explaining():
            forms, new = _sorted(self.growing.take(text, name, folder=folder))
            if self.growing.program.compilation:
                self.growing.program.compilation.clear()
                yield "the prompt compiles with the target's own passes, not with these"
            yield from self._define(new)
            for form in forms:
                yield from self._run(form)

    def take(self, text: str, name: str) -> tuple[list[Value], list[str]]:
        """Do only the definitions in ``text``: its other forms, and the names of its functions."""
        with self.growing.program.explaining():
            forms, new = _sorted(self.growing.take(text, name))
            for _ in self._define(new):
                pass
        return forms, [made.name for made in new if made.function is not None]

    def _define(self, new: Sequence[Definition]) -> Iterator[Defined | str]:
        before = dict(self.definitions)
        for made in new:
            known = self.definitions.get(made.name)
            if not (known is not None and known.defined and _repeats(made, known)):
                self.definitions[made.name] = made
        changed = [made for made in new if self.definitions[made.name] is made]
        self._check(changed)
        for made in changed:
            if made.kind == "global":
                self._link_global(made)
        for made in changed:
            if made.kind != "string":
                yield Defined(made.name, self.type_of(made.name))
        yield from self._broken_by(changed, before)

    def _check(self, changed: Sequence[Definition]) -> None:
        """Raise what is wrong in ``changed``, which may mention each other."""
        if changed:
            names = {made.name for made in changed}
            self._module(names, lambda made: made.name in names)

    def _broken_by(
        self, changed: Sequence[Definition], before: dict[str, Definition]
    ) -> Iterator[str]:
        """Warnings about functions that no longer fit what they call."""
        names = {made.name for made in changed}
        redefined = {name for name in names if name in before}
        for user in list(self.definitions.values()):
            if user.name in names or not user.mentions & redefined or not user.defined:
                continue
            try:
                self._check([user])
            except UserError as error:
                yield f"'{user.name}' does not fit any more:\n{render(error)}"

    def type_of(self, name: str) -> str:
        """The type of a definition as it is told: ``(i32, f32) -> i64``, or what it is."""
        return _type_text(self.definitions[name])

    def function_text(self, name: str) -> str:
        """The MLIR of the function ``name``."""
        module = self._module([name], lambda made: made.name == name)
        for operation in module.body.operations:
            attributes = operation.operation.attributes
            if "sym_name" in attributes and attributes["sym_name"].value == name:
                return str(operation).strip()
        return ir.to_text(module)

    # -- modules ------------------------------------------------------------------------------

    def _module(
        self,
        names: Iterable[str],
        bodies: Callable[[Definition], bool],
        build: Callable[..., None] | None = None,
    ) -> Any:
        """The module with what ``names`` lead to; ``bodies`` says which functions come whole."""
        used = forms_of(names, self.definitions, bodies=bodies)
        forms = [written(made, bodies=bodies) for made in used]
        return lower_forms(self.context, forms, self.growing.program.needed, build)

    def expression(self, form: Value, *, runs: bool = True) -> tuple[Expression, Any]:
        """``form`` as a function, in a module with what it needs."""
        made = Expression(form, self.values, runs=runs)
        names = mentioned([form])
        return made, self._module(names, self._bodies(names), made.build)

    def _bodies(self, names: Iterable[str]) -> Callable[[Definition], bool]:
        """Which functions are compiled with an expression that mentions ``names``.

        Functions are compiled once and called by their address, except where tensors cross: what
        becomes of those is decided for caller and callee together.
        """
        used = forms_of(names, self.definitions, bodies=lambda made: False)
        together = any(made.takes_tensors for made in used)
        return lambda made: together

    # -- code ---------------------------------------------------------------------------------

    def compiled(self, form: Value) -> tuple[Expression, Linked]:
        """``form`` as code in this process; running it stores its values."""
        made, module = self.expression(form)
        names = mentioned([form])
        addresses = self._addresses(names, self._bodies(names))
        return made, compile_module(module, addresses=addresses, libraries=self.libraries)

    def expression_code(self, form: Value) -> bytes:
        """Object code in which ``form`` is the function ``EXPRESSION``."""
        _, module = self.expression(form, runs=False)
        names = mentioned([form])
        addresses = self._addresses(names, self._bodies(names))
        linked = compile_module(
            module, wanted=[EXPRESSION], addresses=addresses, libraries=self.libraries
        )
        return linked.artifact.code

    def _addresses(
        self, names: Iterable[str], bodies: Callable[[Definition], bool]
    ) -> dict[str, int]:
        """Where the functions and globals lie that a module takes from the session."""
        used = forms_of(names, self.definitions, bodies=bodies)
        found = self._global_addresses(used)
        called = [m for m in used if m.function is not None and m.defined and not bodies(m)]
        if called:
            linked = self.linked([made.name for made in called])
            found.update({made.name: linked.address(made.name) for made in called})
        return found

    def _global_addresses(self, used: Iterable[Definition]) -> dict[str, int]:
        return {
            made.name: self._globals[made.name][1] for made in used if made.name in self._globals
        }

    def linked(self, names: Iterable[str]) -> Linked:
        """The functions ``names`` and all that they call, compiled and linked together."""
        used = forms_of(names, self.definitions, bodies=_whole)
        key = frozenset(made.version for made in used)
        if key not in self._linked:
            module = self._module(names, _whole)
            self._linked[key] = compile_module(
                module,
                wanted=[m.name for m in used if m.function is not None and m.defined],
                addresses=self._global_addresses(used),
                libraries=self.libraries,
            )
        return self._linked[key]

    def _link_global(self, made: Definition) -> None:
        """Give a global its memory, which it keeps from line to line."""
        used = forms_of([made.name], self.definitions, bodies=_whole)
        module = self._module([made.name], _whole)
        addresses = self._global_addresses(other for other in used if other is not made)
        linked = compile_module(
            module, wanted=[made.name], addresses=addresses, libraries=self.libraries
        )
        self._linked[frozenset([made.version])] = linked
        self._globals[made.name] = (made.version, linked.address(made.name))

    @property
    def libraries(self) -> tuple[str, ...]:
        """What the lines so far have linked."""
        return tuple(library.name for library in self.growing.program.libraries)

    # -- running ------------------------------------------------------------------------------

    def _run(self, form: Value) -> Iterator[Result | Running]:
        made, linked = self.compiled(form)
        self._lines.append(linked)
        yield Running()
        linked.run()
        for result in made.results:
            if result.name is not None and result.slot is not None:
                self.values[result.name] = result.slot
        self._forget_freed(form)
        self._remember([result for result in made.results if result.name is None])
        yield from made.results

    def _forget_freed(self, form: Value) -> None:
        """Drop the name of memory that ``form`` gave back."""
        if isinstance(form, List) and form.head == "memref.dealloc":
            for item in form.items[1:]:
                if isinstance(item, Symbol):
                    self.values.pop(item.text, None)

    def _remember(self, results: Sequence[Result]) -> None:
        """Let ``*1`` be the last value, ``*2`` the one before it."""
        if results and results[0].slot is not None:
            before = [self.values.get(name) for name in HISTORY]
            for name, slot in zip(HISTORY, [results[0].slot, *before], strict=False):
                if slot is not None:
                    self.values[name] = slot


def _sorted(forms: Sequence[Value]) -> tuple[list[Value], list[Definition]]:
    """The forms that define nothing, and the definitions that the others are."""
    found = [(form, definition_of(form)) for form in forms]
    return (
        [form for form, made in found if made is None],
        [made for _, made in found if made is not None],
    )


def _whole(made: Definition) -> bool:
    """Every function with its body."""
    return True


def _repeats(made: Definition, known: Definition) -> bool:
    """Whether ``made`` only declares the function that ``known`` defines."""
    return made.function is not None and not made.defined and known.function is not None


def _type_text(made: Definition) -> str:
    function = made.function
    if function is None or function.inputs is None or function.outputs is None:
        return made.kind if function is None else function.operation
    inputs = ", ".join(_text(item) for item in function.inputs)
    dots = ", ..." if function.variadic else ""
    outputs = ", ".join(_text(item) for item in function.outputs)
    if len(function.outputs) != 1:
        outputs = f"({outputs})"
    return f"({inputs}{dots}) -> {outputs}"


def _text(type_: Any) -> str:
    return type_.value if isinstance(type_, String) else to_text(type_)
