"""Filling the regions of an operation (section 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.lisp.lowering.blocks import Block, dominators, split_blocks
from pharos.lisp.lowering.scope import Env, Scope
from pharos.lisp.values import List, Symbol, Value

if TYPE_CHECKING:
    from pharos.lisp.lowering.lowering import Lowering


def fill(lowering: Lowering, env: Env, operation: Any, region: Any, written: List) -> None:
    """Make the blocks of the region form ``written`` in ``region`` of ``operation``."""
    blocks = split_blocks(written)
    if not blocks:
        return
    made = [_append(lowering, region, block) for block in blocks]
    labels = {b.label: m for b, m in zip(blocks, made, strict=True) if b.label is not None}
    returns, yields = _returns(operation, env), _yields(operation)
    above = dominators(blocks)
    scopes: list[Scope | None] = [None] * len(blocks)
    for i in _dominators_first(above):
        over = above[i]
        scopes[i] = Scope(scopes[over] if over is not None else env.scope)
        inner = Env(made[i], scopes[i] or Scope(), labels, returns, yields, env.made)
        for (name, _, span), value in zip(blocks[i].arguments, made[i].arguments, strict=True):
            inner.bind(name, value, span)
        lowering.statements(inner, _body(operation, blocks[i]))


def _append(lowering: Lowering, region: Any, block: Block) -> Any:
    types = [lowering.types.of(type_) for _, type_, _ in block.arguments]
    # The name lives on in the location: callers of a compiled function may use it.
    locations = [
        mlir.Location.name(name, lowering.location(span)) for name, _, span in block.arguments
    ]
    return region.blocks.append(*types, arg_locs=locations)


def _dominators_first(above: list[int | None]) -> list[int]:
    """The blocks in an order in which each comes after the one that dominates it."""
    done: list[int] = []
    seen: set[int] = set()

    def visit(i: int) -> None:
        if i in seen:
            return
        over = above[i]
        if over is not None:
            visit(over)
        seen.add(i)
        done.append(i)

    for i in range(len(above)):
        visit(i)
    return done


def _returns(operation: Any, env: Env) -> list[Any] | None:
    """The result types of the function whose body this is."""
    if operation.name not in ("func.func", "gpu.func", "llvm.func"):
        return env.returns
    attribute = operation.attributes.get("function_type")
    type_ = getattr(attribute, "value", None)
    return list(type_.results) if isinstance(type_, mlir.FunctionType) else None


def _yields(operation: Any) -> list[Any]:
    """The types that the blocks of ``operation`` yield at their end, where they follow from it."""
    if operation.name.startswith("linalg."):
        target = operation.operands[-1].type if len(operation.operands) else None
        return [target.element_type] if isinstance(target, mlir.ShapedType) else []
    if operation.name == "scf.while":
        return [operand.type for operand in operation.operands]
    return [result.type for result in operation.results]


def _body(operation: Any, block: Block) -> list[Value]:
    """The operations of ``block``; a bare ``scf.yield`` that ends a parallel loop is a reduce."""
    body = block.body
    if operation.name == "scf.parallel" and body:
        last = body[-1]
        if isinstance(last, List) and last.head == "scf.yield" and len(last.items) == 1:
            reduce = List([Symbol("scf.reduce", last.items[0].span)], last.span)
            return [*body[:-1], reduce]
    return body


def block_named(env: Env, label: Symbol) -> Any:
    """The block with that label in the region around."""
    block = env.labels.get(label.text)
    if block is None:
        known = ", ".join(env.labels) or "none"
        raise UserError(
            f"unknown block label {label.text}", span=label.span, hint=f"labels here: {known}"
        )
    return block
