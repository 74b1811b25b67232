"""A form typed at the prompt as a function of a module.

x                (: 2 i32)                        private @expr(%x: i32) -> i32 {
(arith.addi x (: 1 i32))                  ==>       ... return %r }
                                                  @run() {
                                                    %x = load (slot of x)
                                                    %r = call @expr(%x)
                                                    store %r in a new slot }
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.ir import span_of
from pharos.ir.bindings import mlir
from pharos.lisp.functions import Function
from pharos.lisp.lowering.lowering import Lowering
from pharos.lisp.lowering.scope import Env, Scope
from pharos.lisp.values import List, Symbol, Value, Vector
from pharos.tools.repl.definitions import mentioned
from pharos.tools.repl.layout import Layout, layout_of
from pharos.tools.repl.native import RUN
from pharos.tools.repl.slots import load, store

EXPRESSION = "repl.expr"
_ALIGNMENT = 64


class Slot:
    """Memory for one value of ``type``, and how it lies there."""

    def __init__(self, type_: Any, layout: Layout) -> None:
        self.type = type_
        self.layout = layout
        raw = np.zeros(layout.size + _ALIGNMENT, np.uint8)
        skip = -raw.ctypes.data % _ALIGNMENT
        self._memory = raw  # keeps it
        self.address: int = raw.ctypes.data + skip

    def show(self) -> str:
        """The value as text, without its type."""
        return self.layout.show(self.address)


@dataclass(frozen=True)
class Result:
    """One value that an expression gives: its name if it is bound, its type, its memory if any."""

    name: str | None
    type: Any
    slot: Slot | None


class Expression:
    """Builds the functions of ``form``, which may use ``values`` by their names.

    With ``runs`` false only that of the form itself, to look at.
    """

    def __init__(self, form: Value, values: Mapping[str, Slot], *, runs: bool = True) -> None:
        self.form = form
        self.runs = runs
        used = mentioned([form])
        self.values = {name: slot for name, slot in values.items() if name in used}
        self.results: list[Result] = []
        self.function: Any = None

    def build(self, lowering: Lowering, module: Any) -> None:
        """Add the functions to ``module``."""
        location = lowering.location(self.form.span)
        self._expression(lowering, module, location)
        if self.runs:
            self._run(module, location)

    def _expression(self, lowering: Lowering, module: Any, location: Any) -> None:
        inputs = [slot.type for slot in self.values.values()]
        self.function, block = _function(module, EXPRESSION, inputs, location, private=True)
        scope = Scope()
        scope.values.update(zip(self.values, block.arguments, strict=True))
        env = Env(block, scope, {}, None, [], {})
        found = _evaluate(lowering, env, self.form)
        lowering.problems.report()
        _check_end(block, self.form.span)
        _check_stack(block, [value.type for _, value in found])
        kept = []
        for name, value in found:
            layout = layout_of(value.type)
            if layout is None and name is not None:
                raise _cannot_keep(name, value.type, self.form.span)
            slot = Slot(value.type, layout) if layout is not None else None
            self.results.append(Result(name, value.type, slot))
            if slot is not None:
                kept.append(value)
        _finish(self.function, block, inputs, kept, location)
        _keep_memory(block, [value.type for value in kept])

    def _run(self, module: Any, location: Any) -> None:
        function, block = _function(module, RUN, [], location, private=False)
        with mlir.InsertionPoint(block), location:
            arguments = [load(slot) for slot in self.values.values()]
            slots = [result.slot for result in self.results if result.slot is not None]
            call = mlir.Operation.create(
                "func.call",
                results=[slot.type for slot in slots],
                operands=arguments,
                attributes={"callee": mlir.FlatSymbolRefAttr.get(EXPRESSION)},
            )
            for value, slot in zip(call.results, slots, strict=True):
                store(value, slot)
        _finish(function, block, [], [], location)


def _evaluate(lowering: Lowering, env: Env, form: Value) -> list[tuple[str | None, Any]]:
    """Make the code of ``form``: its values, each with the name that it is bound to, if any."""
    if isinstance(form, List) and form.head == "def":
        lowering.results(env, form)
        target = form.items[1]
        names = target.items if isinstance(target, Vector) else [target]
        texts = [name.text for name in names if isinstance(name, Symbol)]
        return [(text, env.scope.values[text]) for text in texts]
    if isinstance(form, Symbol):
        _refuse_function_name(lowering.functions, env, form)
    return [(None, value) for value in lowering.results(env, form)]


def _refuse_function_name(functions: Mapping[str, Function], env: Env, form: Symbol) -> None:
    known, _ = env.scope.find(form.text)
    if not known and form.name in functions:
        raise UserError(
            f"'{form.text}' is a function, not a value",
            span=form.span,
            hint=f"(call TYPE {form.text} ...) calls it, :ir {form.text} shows it",
        )


def _function(
    module: Any, name: str, inputs: Sequence[Any], location: Any, *, private: bool
) -> tuple[Any, Any]:
    visibility = "private" if private else "public"
    function = mlir.Operation.create(
        "func.func",
        attributes={
            "sym_name": mlir.StringAttr.get(name),
            "function_type": mlir.TypeAttr.get(mlir.FunctionType.get(inputs, [])),
            "sym_visibility": mlir.StringAttr.get(visibility),
        },
        regions=1,
        loc=location,
        ip=mlir.InsertionPoint(module.body),
    )
    return function, function.regions[0].blocks.append(*inputs, arg_locs=[location] * len(inputs))


def _finish(
    function: Any, block: Any, inputs: Sequence[Any], results: Sequence[Any], location: Any
) -> None:
    mlir.Operation.create(
        "func.return", operands=list(results), loc=location, ip=mlir.InsertionPoint(block)
    )
    kinds = mlir.FunctionType.get(list(inputs), [result.type for result in results])
    function.attributes["function_type"] = mlir.TypeAttr.get(kinds)


def _check_end(block: Any, span: Span | None) -> None:
    """Raise UserError when the form has ended the block, as only a block's last form does."""
    operations = list(block.operations)
    if not operations:
        return
    try:
        probe = mlir.Operation.create("func.return", ip=mlir.InsertionPoint(block), loc=_nowhere())
    except IndexError:
        name = operations[-1].operation.name
        ends = "a function" if name in ("func.return", "llvm.return") else "a block"
        raise UserError(
            f"{name} stands at the end of {ends}",
            span=span,
            hint="at the prompt, write the value alone",
        ) from None
    probe.erase()


def _nowhere() -> Any:
    return mlir.Location.unknown()


def _check_stack(block: Any, types: Sequence[Any]) -> None:
    """Raise UserError when a pointer may be given out to memory that ends with the line."""
    if any(str(type_) == "!llvm.ptr" for type_ in types):
        for inner in block.operations:
            if inner.operation.name == "llvm.alloca":
                raise UserError(
                    "memory of llvm.alloca is gone when the line has ended",
                    span=span_of(inner.operation.location),
                    hint="(call !llvm.ptr malloc (: 8 i64)) takes memory that stays, once "
                    "(extern-fn malloc (-> [i64] [!llvm.ptr])) is there",
                )


def _keep_memory(block: Any, types: Sequence[Any]) -> None:
    """Let memory that the form itself takes outlive the line: the stack ends with it."""
    returns_memory = any(isinstance(t, mlir.MemRefType | mlir.UnrankedMemRefType) for t in types)
    for inner in list(block.operations) if returns_memory else []:
        operation = inner.operation
        if operation.name != "memref.alloca":
            continue
        attributes = {name: operation.attributes[name] for name in operation.attributes}
        heap = mlir.Operation.create(
            "memref.alloc",
            results=[operation.results[0].type],
            operands=list(operation.operands),
            attributes=attributes,
            loc=operation.location,
            ip=mlir.InsertionPoint(operation),
        )
        operation.results[0].replace_all_uses_with(heap.results[0])
        operation.erase()


def _cannot_keep(name: str, type_: Any, span: Span | None) -> UserError:
    return UserError(
        f"'{name}' cannot be kept: a value of type {type_} has no form in memory that the prompt "
        "knows",
        span=span,
        hint="numbers, vectors, complex numbers, pointers, memrefs, tensors and LLVM structs can",
    )
