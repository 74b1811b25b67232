"""The body of the fused operation: the product, the score, the call that stands for the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.payload.attention import FLOATS, Form, Term

SINK = "pharos.softmax_weighted_sum"


def write_body(form: Form, block: Any, symbols: Sequence[str], outside: Mapping[Term, Any]) -> Any:
    """Write the body into ``block``, whose loops are ``symbols``; the score's value.

    ``outside`` has the scalars that the score takes from outside.
    """
    arith = dialect("arith")
    with mlir.InsertionPoint(block):
        query, key, value, *extras, before = block.arguments
        score = arith.mulf(_widened(query), _widened(key))
        if form.factor != 1:
            score = arith.mulf(score, _number(form.factor, "f32"))
        known = {form.product: score}
        known |= {term: _widened(x) for (term, _), x in zip(form.extras, extras, strict=True)}
        known |= {term: _widened(one) for term, one in outside.items()}
        made = _Body(form, symbols, known).of(form.score)
        if form.base == "exp2":
            made = arith.mulf(made, _number(math.log(2), "f32"))
        name = sink_of(value.type, before.type)
        call = dialect("func").CallOp([before.type], name, [made, value, before])
        dialect("linalg").YieldOp([call.results[0]])
    return made


def sink_of(value: Any, result: Any) -> str:
    """The name of the function that a body with these element types calls."""
    return f"{SINK}_{value}_{result}"


def declare_sink(module: Any, value: Any, result: Any) -> None:
    """Declare that function in ``module``; it never gets a body."""
    name = sink_of(value, result)
    for one in module.body.operations:
        operation = one.operation
        if operation.name == "func.func" and operation.attributes["sym_name"].value == name:
            return
    with mlir.InsertionPoint.at_block_begin(module.body):
        types = [mlir.F32Type.get(), value, result]
        dialect("func").FuncOp(name, (types, [result]), visibility="private")


class _Body:
    """Writes terms at the insertion point; ``known`` has those that are there already."""

    def __init__(self, form: Form, symbols: Sequence[str], known: dict[Term, Any]) -> None:
        self.form, self.terms = form, form.terms
        self.loops = {symbol: number for number, symbol in enumerate(symbols)}
        self.known = known

    def of(self, term: Term) -> Any:
        """The value of ``term``."""
        if term not in self.known:
            self.known[term] = self._made(term)
        return self.known[term]

    def _made(self, term: Term) -> Any:
        kind, *rest = self.terms.form(term)
        if kind == "number":
            return _number(*rest)
        if kind == "place":
            return self._place(rest[0])
        operands = [self.of(one) for one in rest[3:]]
        operation = self.terms.operations[term]
        type_ = operation.results[0].type
        result = mlir.F32Type.get() if str(type_) in FLOATS else type_
        attributes = {name: operation.attributes[name] for name in operation.attributes}
        made = mlir.Operation.create(
            operation.name, results=[result], operands=operands, attributes=attributes
        )
        return made.results[0]

    def _place(self, digits: Sequence[tuple[str, Any]]) -> Any:
        arith, found = dialect("arith"), None
        for symbol, size in digits:
            index = dialect("linalg").IndexOp(self.loops[symbol]).result
            if found is not None:
                found = arith.muli(found, _number(size, "index"))
            found = index if found is None else arith.addi(found, index)
        return _number(0, "index") if found is None else found


def _number(value: float, kind: str) -> Any:
    if kind in FLOATS:
        type_ = mlir.F32Type.get()
        return dialect("arith").ConstantOp(type_, mlir.FloatAttr.get(type_, value)).result
    type_ = mlir.Type.parse(kind)
    return dialect("arith").ConstantOp(type_, mlir.IntegerAttr.get(type_, int(value))).result


def _widened(value: Any) -> Any:
    if str(value.type) in ("f16", "bf16"):
        return dialect("arith").extf(mlir.F32Type.get(), value)
    return value
