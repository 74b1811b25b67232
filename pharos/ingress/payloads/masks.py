"""Masks of attention scores. Places are only known to a generic operation: these have no named or
category form."""

from __future__ import annotations

from collections.abc import Sequence

from pharos.ingress.payloads.forms import Forms
from pharos.ingress.payloads.writer import Value


def causal(forms: Forms, scores: Value, window: int = 0) -> Value:
    """``scores`` with minus infinity where a key comes after the query, or ``window`` before."""
    rank, write = len(scores.shape), forms.writer
    low = write.constant(float("-inf"), scores.dtype)
    key, last, body = _places(forms, scores)
    seen, result = write.fresh(), write.fresh()
    body.append(f"{seen} = arith.cmpi ule, {key}, {last} : index")
    if window:
        size, end, late, both = (write.fresh() for _ in range(4))
        body += [
            f"{size} = arith.constant {window} : index",
            f"{end} = arith.addi {key}, {size} : index",
            f"{late} = arith.cmpi ugt, {end}, {last} : index",
            f"{both} = arith.andi {seen}, {late} : i1",
        ]
        seen = both
    body.append(f"{result} = arith.select {seen}, %x0, {low} : {scores.dtype}")
    return _same(forms, [scores], [range(rank)], body, result)


def chosen(forms: Forms, scores: Value, mask: Value) -> Value:
    """``scores`` with minus infinity where ``mask``, queries x keys, is false."""
    rank, result = len(scores.shape), forms.writer.fresh()
    low = forms.writer.constant(float("-inf"), scores.dtype)
    body = [f"{result} = arith.select %x1, %x0, {low} : {scores.dtype}"]
    return _same(forms, [scores, mask], [range(rank), (rank - 2, rank - 1)], body, result)


def sloped(forms: Forms, scores: Value, slopes: Value) -> Value:
    """``scores`` plus the slope of the head times (key - last key of the query); ``slopes`` has the
    last of the dimensions before queries."""
    rank, dtype, write = len(scores.shape), scores.dtype, forms.writer
    key, last, body = _places(forms, scores)
    behind, whole, number, bias, result = (write.fresh() for _ in range(5))
    body += [
        f"{behind} = arith.subi {key}, {last} : index",
        f"{whole} = arith.index_cast {behind} : index to i32",
        f"{number} = arith.sitofp {whole} : i32 to {dtype}",
        f"{bias} = arith.mulf {number}, %x1 : {dtype}",
        f"{result} = arith.addf %x0, {bias} : {dtype}",
    ]
    heads = range(rank - 2 - len(slopes.shape), rank - 2)
    return _same(forms, [scores, slopes], [range(rank), heads], body, result)


def zero_where_empty(forms: Forms, scores: Value, weights: Value) -> Value:
    """``weights``, but 0 in rows whose ``scores`` all are minus infinity."""
    rank, write = len(scores.shape), forms.writer
    rows = range(rank - 1)
    low, yes = write.constant(float("-inf"), scores.dtype), write.fresh()
    write.line(f"{yes} = arith.constant true")
    empty = write.empty(scores.shape[:-1], "i1")
    start = write.make(
        empty.shape, "i1",
        f"linalg.fill ins({yes} : i1) outs({empty.name} : {empty.type}) -> {empty.type}",
    )  # fmt: skip
    hidden, every, result = (write.fresh() for _ in range(3))
    body = [
        f"{hidden} = arith.cmpf oeq, %x0, {low} : {scores.dtype}",
        f"{every} = arith.andi {hidden}, %out : i1",
    ]
    kinds = [*["parallel"] * (rank - 1), "reduction"]
    all_hidden = forms.generic([scores], start, [range(rank), rows], kinds, body, every)
    zero = write.constant(0.0, weights.dtype)
    body = [f"{result} = arith.select %x1, {zero}, %x0 : {weights.dtype}"]
    return _same(forms, [weights, all_hidden], [range(rank), rows], body, result)


def _places(forms: Forms, scores: Value) -> tuple[str, str, list[str]]:
    """The key, the last key that the query sees by a causal mask, and the lines that make both."""
    rank = len(scores.shape)
    query, key, shift, last = (forms.writer.fresh() for _ in range(4))
    lines = [
        f"{query} = linalg.index {rank - 2} : index",
        f"{key} = linalg.index {rank - 1} : index",
        f"{shift} = arith.constant {scores.shape[-1] - scores.shape[-2]} : index",
        f"{last} = arith.addi {query}, {shift} : index",
    ]
    return key, last, lines


def _same(
    forms: Forms, operands: Sequence[Value], dims: Sequence[Sequence[int]], body: list[str],
    result: str,
) -> Value:  # fmt: skip
    """An operation over all elements of the first operand."""
    first = operands[0]
    out = forms.writer.empty(first.shape, first.dtype)
    maps = [*dims, range(len(first.shape))]
    return forms.generic(operands, out, maps, ["parallel"] * len(first.shape), body, result)
