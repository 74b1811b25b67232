"""Values to MLIR operations: the walk over forms, names and operands (sections 5 and 6)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pharos.core.errors import Note, UserError, nearest
from pharos.core.span import Span
from pharos.ir.bindings import mlir
from pharos.lisp.functions import Function
from pharos.lisp.lowering.attributes import Attributes
from pharos.lisp.lowering.constants import number_attribute
from pharos.lisp.lowering.create import build, check_known
from pharos.lisp.lowering.draft import Draft, draft
from pharos.lisp.lowering.insertion import insert
from pharos.lisp.lowering.numbers import demanded, number_type
from pharos.lisp.lowering.scope import Env
from pharos.lisp.lowering.segments import KEY
from pharos.lisp.lowering.tables import ALIASED, FORMS, operation_handler
from pharos.lisp.lowering.types import Types
from pharos.lisp.problems import Consequence, Problems
from pharos.lisp.values import List, Number, Symbol, Value, Vector, describe


class Lowering:
    """The state of one lowering: the context's types and attributes, and what was found wrong."""

    def __init__(
        self,
        context: Any,
        functions: dict[str, Function],
        nested: set[str],
        failed: Collection[str] = (),
    ) -> None:
        self.context = context
        self.types = Types()
        self.attributes = Attributes(self.types)
        self.functions = functions
        # Functions in symbol tables of their own (gpu.module), which calls there may mean.
        self.nested_functions = nested
        # Functions that are not there because of mistakes found before.
        self.failed = failed
        self.problems = Problems()
        # Whether an operation infers its result types, as far as it is known.
        self.inferring: dict[str, bool] = {}
        # Whether an operation keeps an attribute under a key.
        self.taken: dict[tuple[str, str, Any], bool] = {}
        self._group_counts: dict[str, int] = {}

    def location(self, span: Span | None) -> Any:
        """The MLIR location of ``span``."""
        if span is None:
            return mlir.Location.unknown()
        return mlir.Location.file(span.file, span.line, span.column, span.end_line, span.end_column)

    def group_count(self, name: str) -> int:
        """How many groups of operands the operation ``name`` counts; 0 if it counts none."""
        count = self._group_counts.get(name)
        if count is None:
            probe = mlir.Operation.create(name, loc=mlir.Location.unknown(), ip=False)
            sizes = probe.attributes.get(KEY, ())
            count = self._group_counts[name] = len(sizes)
        return count

    # -- forms --------------------------------------------------------------------------------

    def statements(self, env: Env, forms: Sequence[Value]) -> None:
        """Make the code of ``forms`` one after the other; a mistake in one leaves the others."""
        for item in forms:
            if not isinstance(item, List):
                self._atom_statement(env, item)
                continue
            try:
                self.results(env, item)
            except UserError as error:
                _poison(env, item)
                self.problems.add(error)

    def _atom_statement(self, env: Env, item: Value) -> None:
        if isinstance(item, Symbol):
            with self.problems.gathered():
                self.name(env, item)

    def results(self, env: Env, item: Value) -> Sequence[Any]:
        """Make the code of ``item``; the values that it yields."""
        if isinstance(item, List):
            if not item.items:
                return ()
            head = item.items[0]
            if isinstance(head, Symbol):
                handler = FORMS.get(head.text)
                if handler is not None:
                    return handler(self, env, item)
            return self._operation(env, draft(item))
        if isinstance(item, Symbol):
            return [self.name(env, item)]
        if isinstance(item, Number):
            return [self.number(env, item, number_type(item, 0, [], None, []))]
        raise UserError(f"expected a form that makes a value, got {describe(item)}", span=item.span)

    def _operation(self, env: Env, made: Draft) -> Sequence[Any]:
        handler = operation_handler(ALIASED if "/" in made.name else made.name)
        if handler is not None:
            return handler(self, env, made)
        return self.generic(env, made)

    def generic(self, env: Env, made: Draft) -> Sequence[Any]:
        """Make the operation as MLIR's generic form says it."""
        check_known(self, made)
        operands, lengths = self.operands(env, made)
        return build(self, env, made, operands, lengths).results

    # -- values -------------------------------------------------------------------------------

    def value(self, env: Env, item: Value) -> Any:
        """The one value of ``item``; of several results the first."""
        values = self.results(env, item)
        if values:
            return values[0]
        what = item.head if isinstance(item, List) else None
        raise UserError(
            f"operation {what} returned no value but was used as operand"
            if what
            else f"{describe(item)} has no value",
            span=item.span,
            hint="an operation with a value that is not inferred needs :result TYPE",
        )

    def name(self, env: Env, symbol: Symbol) -> Any:
        """The value that ``symbol`` stands for."""
        found, value = env.scope.find(symbol.text)
        if not found:
            raise _undefined(env, symbol)
        if value is None:
            raise Consequence(f"'{symbol.text}' has no value", span=symbol.span)
        return value

    def number(self, env: Env, item: Number, type_: Any) -> Any:
        """An ``arith.constant`` for a bare number."""
        return self.constant(env, number_attribute(item.value, type_, item.span), item.span)

    def constant(self, env: Env, attribute: Any, span: Span | None) -> Any:
        """An ``arith.constant`` of a typed attribute."""
        made = insert(
            env,
            "arith.constant",
            self.location(span),
            span,
            results=[attribute.type],
            attributes={"value": attribute},
        )
        return made.results[0]

    def operands(
        self, env: Env, made: Draft, demands: Sequence[Any] | None = None
    ) -> tuple[list[Any], list[int]]:
        """The operand values of ``made``, and how many each operand form stands for.

        ``demands`` are the types that the positions demand of bare numbers, where the caller
        knows more than the operation's name says.
        """
        return self.operand_values(env, made, made.operands, demands)

    def operand_values(
        self, env: Env, made: Draft, forms: Sequence[Value], demands: Sequence[Any] | None = None
    ) -> tuple[list[Any], list[int]]:
        """As ``operands``, for only the operand forms ``forms``."""
        flat: list[Value] = []
        lengths: list[int] = []
        for item in forms:
            group = item.items if isinstance(item, Vector) else [item]
            flat += group
            lengths.append(len(group))
        values = [
            None if isinstance(item, Number) else self._operand(env, made.name, item)
            for item in flat
        ]
        if any(value is None for value in values):
            self._number_operands(env, made, flat, values, demands)
        return values, lengths

    def _operand(self, env: Env, name: str, item: Value) -> Any:
        if isinstance(item, Symbol):
            if item.text.startswith("^"):
                raise UserError(f"{name} takes no block label, got {item.text}", span=item.span)
            return self.name(env, item)
        if isinstance(item, List) and item.items:
            return self.value(env, item)
        raise UserError(
            f"an operand of {name} must be a name, a number or a form, got {describe(item)}",
            span=item.span,
            hint="attributes stand in the map right after the name of the operation",
        )

    def _number_operands(
        self,
        env: Env,
        made: Draft,
        forms: list[Value],
        values: list[Any],
        demands: Sequence[Any] | None,
    ) -> None:
        """Fill in the bare numbers among ``values``."""
        types = [None if value is None else value.type for value in values]
        typed = (t for t, item in zip(types, forms, strict=True) if t is not None and _typed(item))
        first = next(typed, None)
        if demands is None:
            demands = demanded(self.types, env, made, types)
        for position, item in enumerate(forms):
            if isinstance(item, Number):
                type_ = number_type(item, position, types, first, demands)
                values[position] = self.number(env, item, type_)


def _typed(item: Value) -> bool:
    """Whether ``item`` is a name or ``(: value type)``, whose type counts for bare numbers."""
    return isinstance(item, Symbol) or (isinstance(item, List) and item.head == ":")


def _undefined(env: Env, symbol: Symbol) -> UserError:
    elsewhere = env.made.get(symbol.text)
    if symbol.text in env.made:
        return UserError(
            f"undefined symbol: {symbol.text}",
            span=symbol.span,
            notes=[
                Note(
                    f"'{symbol.text}' of another block or an inner form is not visible here",
                    elsewhere,
                )
            ],
            hint="pass it on as a block argument or as a result",
        )
    return UserError(
        f"undefined symbol: {symbol.text}",
        span=symbol.span,
        hint=nearest(symbol.text, set(env.scope.names())),
    )


def _poison(env: Env, item: List) -> None:
    """Mark the names that the failed form ``item`` would have defined."""
    if item.head != "def" or len(item.items) < 2:
        return
    target = item.items[1]
    names = target.items if isinstance(target, Vector) else [target]
    for name in names:
        if isinstance(name, Symbol):
            env.scope.values[name.text] = None
