"""Scaled dot-product attention, with masks and with fewer heads of keys than of queries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pharos.core.errors import UserError
from pharos.ingress.payloads import options as o
from pharos.ingress.payloads.forms import FORMS, Forms
from pharos.ingress.payloads.masks import causal, chosen, sloped, zero_where_empty
from pharos.ingress.payloads.options import Built, refuse
from pharos.ingress.payloads.softmax import softmax
from pharos.ingress.payloads.writer import Value, Writer, wider

MASKS = ("none", "additive", "boolean")
EMPTY = ("nan", "zero")


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Attention: softmax(Q * K^T * scale + mask) * V.

    For every head of every batch. Q is batch x heads x queries x depth; K and V have --kv-heads
    and --keys in their place.
    """

    name: ClassVar[str] = "attention"
    batch: int = o.option("Batches.", 1)
    heads: int = o.option("Heads of queries.", needed=True)
    queries: int = o.option("Queries per head.", needed=True)
    keys: int = o.option("Keys per head.  [default: as many as queries]", 0)
    depth: int = o.option("Size of a head.", needed=True)
    value_depth: int = o.option("Size of a value.  [default: that of a head]", 0)
    kv_heads: int = o.option("Heads of keys and values.  [default: as many]", 0)
    mask: str = o.option(
        f"{', '.join(MASKS)}: a queries x keys tensor that is added, or true where a key is seen.",
        "none",
    )
    causal: bool = o.option("A query sees the keys up to its own; the last sees all.", False)
    window: int = o.option("With --causal: a query sees so many keys.  [default: all]", 0)
    alibi: bool = o.option("Scores get slope[head] * (key - last key that a query sees).", False)
    empty: str = o.option(f"{' or '.join(EMPTY)}: the result of a query that sees no key.", "nan")
    scale: float = o.option("Of the scores.  [default: 1 / sqrt(depth)]", 0.0)
    form: str = o.option(o.FORM_HELP, "named")
    dtype: str = o.option(o.DTYPE_HELP, "f32")

    def build(self) -> Built:
        """The payload."""
        self._check()
        writer = Writer(self.name)
        groups, keys = self._heads(), self.keys or self.queries
        shapes = {
            "q": (self.batch, self.heads, self.queries, self.depth),
            "k": (self.batch, groups, keys, self.depth),
            "v": (self.batch, groups, keys, self.value_depth or self.depth),
        }
        q, k, v = (writer.argument(name, shape, self.dtype) for name, shape in shapes.items())
        mask = None
        if self.mask != "none":
            kind = "i1" if self.mask == "boolean" else wider(self.dtype)
            mask = writer.argument("mask", (self.queries, keys), kind)
        slopes = writer.argument("slopes", (self.heads,), wider(self.dtype)) if self.alibi else None
        result = self._attention(Forms(writer, self.form), q, k, v, mask, slopes)
        flops = 2 * self.batch * self.heads * self.queries * keys * (self.depth + v.shape[-1])
        return Built(writer.name, writer.text(result), flops)

    def _heads(self) -> int:
        return self.kv_heads or self.heads

    def _check(self) -> None:
        o.choose("form", self.form, FORMS)
        o.choose("mask", self.mask, MASKS)
        o.choose("empty", self.empty, EMPTY)
        o.float_only("attention", self.dtype)
        keys = self.keys or self.queries
        o.positive(
            batch=self.batch, heads=self.heads, queries=self.queries, keys=keys, depth=self.depth,
            value_depth=self.value_depth or self.depth, kv_heads=self._heads(),
        )  # fmt: skip
        if not math.isfinite(self.scale):
            raise UserError(f"--scale: expected a finite number, found {self.scale}")
        if self.heads % self._heads():
            raise refuse(
                f"--kv-heads {self.kv_heads}", f"--heads {self.heads}", "it does not divide them"
            )
        if self._heads() != self.heads and self.form == "named":
            raise refuse("--kv-heads", "--form named", "no named operation shares keys")
        if self.window < 0:
            raise UserError(f"--window: expected at least 0, found {self.window}")
        if self.window and not self.causal:
            raise refuse(f"--window {self.window}", "no --causal", "its end is the query's own key")
        if self.causal and keys < self.queries:
            raise refuse(
                f"--causal and {self.queries} queries", f"{keys} keys", "the first see no key"
            )

    def _attention(
        self, forms: Forms, q: Value, k: Value, v: Value, mask: Value | None, slopes: Value | None
    ) -> Value:
        sums = wider(self.dtype)
        q, k, v, first, second = self._split(forms, q, k, v)
        shape = (*q.shape[:-1], k.shape[-2])
        named = "batch_matmul"
        scores = forms.contract(q, k, forms.writer.filled(0.0, shape, sums), first, named)
        scale = self.scale or 1 / math.sqrt(self.depth)
        scores = forms.pointwise(("mul", 0, float(scale)), scores)
        rank = len(shape)
        if slopes is not None:
            scores = sloped(forms, scores, self._slopes(forms, slopes, rank - 2))
        if mask is not None and self.mask == "additive":
            places = [range(rank), (rank - 2, rank - 1)]
            scores = forms.pointwise(("add", 0, 1), scores, mask, dims=places)
        elif mask is not None:
            scores = chosen(forms, scores, mask)
        if self.causal:
            scores = causal(forms, scores, self.window)
        weights = softmax(forms, scores, rank - 1)
        if self.empty == "zero":
            weights = zero_where_empty(forms, scores, weights)
        weights = forms.cast(weights, self.dtype)
        start = forms.writer.filled(0.0, (*shape[:-1], v.shape[-1]), sums)
        out = forms.cast(forms.contract(weights, v, start, second, named), self.dtype)
        return self._joined(forms, out)

    def _split(
        self, forms: Forms, q: Value, k: Value, v: Value
    ) -> tuple[Value, Value, Value, tuple[str, str, str], tuple[str, str, str]]:
        """The factors as the contractions take them, and the letters of both contractions."""
        reshaped = forms.writer.reshaped
        if self.form == "named":
            q, k, v = (
                reshaped(one, [[0, 1], [2], [3]], (self.batch * self.heads, *one.shape[2:]))
                for one in (q, k, v)
            )
            return q, k, v, ("bmk", "bnk", "bmn"), ("bmk", "bkn", "bmn")
        if self._heads() == self.heads:
            return q, k, v, ("bhqd", "bhkd", "bhqk"), ("bhqk", "bhke", "bhqe")
        groups = (self.batch, self._heads(), self.heads // self._heads(), *q.shape[2:])
        q = reshaped(q, [[0], [1, 2], [3], [4]], groups)
        return q, k, v, ("bhgqd", "bhkd", "bhgqk"), ("bhgqk", "bhke", "bhgqe")

    def _slopes(self, forms: Forms, slopes: Value, rank: int) -> Value:
        """The slopes over the dimensions of the heads: all ``rank`` of them but the batch."""
        if self.form == "named":
            shape = (self.batch, self.heads)
            places = [range(2), (1,)]
            out = forms.writer.empty(shape, slopes.dtype)
            many = forms.generic([slopes], out, [places[1], places[0]], ["parallel"] * 2, [], "%x0")
            return forms.writer.reshaped(many, [[0, 1]], (self.batch * self.heads,))
        if rank == 3:
            groups = (self._heads(), self.heads // self._heads())
            return forms.writer.reshaped(slopes, [[0, 1]], groups)
        return slopes

    def _joined(self, forms: Forms, out: Value) -> Value:
        """The result with one dimension for the heads."""
        shape = (self.batch, self.heads, *out.shape[-2:])
        if len(out.shape) == 3:
            return forms.writer.reshaped(out, [[0, 1], [2], [3]], shape)
        if len(out.shape) == 5:
            return forms.writer.reshaped(out, [[0], [1, 2], [3], [4]], shape)
        return out
