"""The operation that stands for an attention, written out, and what it means in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

TYPES = {"f32": np.float32, "bf16": ml_dtypes.bfloat16, "f16": np.float16, "i1": np.bool_}
_MASKS = {"add": "f32", "narrow": "bf16", "keep": "i1", "slope": "f32"}


@dataclass(frozen=True)
class Form:
    """``batch`` sizes of Q, the first ``shared`` of which K and V have (None: all); queries, keys,
    depths. ``mask`` is a kind ("add", "narrow", "keep", "slope") with the loops it is over ("b0",
    "m", "n"). ``types`` are memref types for q, k, v, o instead of dense ones; ``open`` are the
    sizes ("m", "n") that are known only at run time.
    """

    batch: tuple[int, ...]
    m: int
    n: int
    d: int
    dv: int | None = None
    dtype: str = "f32"
    shared: int | None = None
    causal: int | None = None
    window: int | None = None
    mask: tuple[str, tuple[str, ...]] | None = None
    empty: str = "nan"
    scale: float = 0.125
    open: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, int] = field(default_factory=dict)

    @property
    def keyed(self) -> tuple[int, ...]:
        """The batch sizes of K and V."""
        return self.batch[: len(self.batch) if self.shared is None else self.shared]

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each loop."""
        named = {f"b{i}": size for i, size in enumerate(self.batch)}
        return {**named, "m": self.m, "n": self.n, "k": self.d, "v": self.dv or self.d}

    def loops(self, name: str) -> list[str]:
        """The loops of an operand: q, k, v, x (the mask) or o."""
        batch = [f"b{i}" for i in range(len(self.batch))]
        keyed = batch[: len(self.keyed)]
        mask = list(self.mask[1]) if self.mask else []
        return {
            "q": [*batch, "m", "k"],
            "k": [*keyed, "n", "k"],
            "v": [*keyed, "n", "v"],
            "x": mask,
            "o": [*batch, "m", "v"],
        }[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an operand."""
        return tuple(self.sizes[loop] for loop in self.loops(name))

    def text(self) -> str:
        """A module with a function @f(q, k, v, [mask], o)."""
        names = ["q", "k", "v", *(["x"] if self.mask else []), "o"]
        types = {name: self._type(name) for name in names}
        ordered = ", ".join([*self.loops("q")[:-1], "n", "k", "v"])
        maps = [f"affine_map<({ordered}) -> ({', '.join(self.loops(n))})>" for n in names]
        kinds = ['"parallel"'] * (len(self.batch) + 1) + ['"reduction"'] * 2 + ['"parallel"']
        sink = f"@pharos.softmax_weighted_sum_{self.dtype}"
        t = self.dtype
        elements = {name: self._element(name) for name in names}
        arguments = ", ".join(f"%{name}e: {elements[name]}" for name in names)
        return f"""
func.func private {sink}(f32, {t}, {t}) -> {t}
func.func @f({", ".join(f"%{name}: {types[name]}" for name in names)}) {{
  linalg.generic {{indexing_maps = [{", ".join(maps)}], iterator_types = [{", ".join(kinds)}],
      pharos.attention = {{{self._attributes()}}}{self._params()}}}
      ins({", ".join("%" + n for n in names[:-1])} : {", ".join(types[n] for n in names[:-1])})
      outs(%o : {types["o"]}) {{
  ^bb0({arguments}):
    {self._body()}
    %r = func.call {sink}(%t, %ve, %oe) : (f32, {t}, {t}) -> {t}
    linalg.yield %r : {t}
  }}
  return
}}"""

    def _element(self, name: str) -> str:
        return _MASKS[self.mask[0]] if name == "x" and self.mask else self.dtype

    def _type(self, name: str) -> str:
        if name in self.types:
            return self.types[name]
        sizes = ["?" if x in self.open else str(self.sizes[x]) for x in self.loops(name)]
        return f"memref<{'x'.join([*sizes, self._element(name)])}>"

    def _attributes(self) -> str:
        found = [f'empty_rows = "{self.empty}"']
        for name in ("causal", "window"):
            value = getattr(self, name)
            found += [f"{name} = {value} : i64"] if value is not None else []
        return ", ".join(found)

    def _params(self) -> str:
        values = ", ".join(f"{name} = {value} : i64" for name, value in self.params.items())
        return f", pharos.params = {{{values}}}" if values else ""

    def _body(self) -> str:
        lines = ["%ninf = arith.constant 0xFF800000 : f32"]
        wide = {"q": "%qe", "k": "%ke"}
        if self.dtype != "f32":
            lines += [f"%{x}w = arith.extf %{x}e : {self.dtype} to f32" for x in "qk"]
            wide = {"q": "%qw", "k": "%kw"}
        lines += [
            f"%p = arith.mulf {wide['q']}, {wide['k']} : f32",
            f"%c = arith.constant {self.scale:e} : f32",
            "%s = arith.mulf %p, %c : f32",
            f"%m = linalg.index {len(self.batch)} : index",
            f"%n = linalg.index {len(self.batch) + 1} : index",
        ]
        lines += _MASKED[self.mask[0]] if self.mask else ["%x1 = arith.addf %s, %zero : f32"]
        if not self.mask:
            lines.insert(0, "%zero = arith.constant 0.0 : f32")
        last = "%x1"
        for name, bound, test in self._bands():
            lines += [
                f"%{name}o = arith.constant {bound} : index",
                f"%{name}e = arith.addi %m, %{name}o : index",
                f"%{name}c = arith.cmpi {test}, %n, %{name}e : index",
                f"%{name} = arith.select %{name}c, {last}, %ninf : f32",
            ]
            last = f"%{name}"
        lines += ["%one = arith.constant 1.0 : f32", f"%t = arith.mulf {last}, %one : f32"]
        return "\n    ".join(lines)

    def _bands(self) -> list[tuple[str, int, str]]:
        found = [("ca", self.causal, "sle")] if self.causal is not None else []
        if self.window is not None and self.causal is not None:
            found.append(("wi", self.causal - self.window, "sgt"))
        return found


_MASKED = {
    "add": ["%x1 = arith.addf %s, %xe : f32"],
    "narrow": ["%xw = arith.extf %xe : bf16 to f32", "%x1 = arith.addf %s, %xw : f32"],
    "keep": ["%x1 = arith.select %xe, %s, %ninf : f32"],
    "slope": [
        "%far = arith.subi %n, %m : index",
        "%fari = arith.index_cast %far : index to i32",
        "%farf = arith.sitofp %fari : i32 to f32",
        "%farx = arith.mulf %farf, %xe : f32",
        "%x1 = arith.addf %s, %farx : f32",
    ],
}


def inputs(form: Form, size: float = 1.0, seed: int = 0) -> list[np.ndarray]:
    """Random q, k, v and mask for ``form``; scores grow with ``size``."""
    rng = np.random.default_rng(seed)
    found = [rng.standard_normal(form.shape(n)) for n in "qkv"]
    found[0] *= size
    made = [one.astype(TYPES[form.dtype]) for one in found]
    if form.mask is None:
        return made
    kind, shape = form.mask[0], form.shape("x")
    mask = rng.random(shape) > 0.3 if kind == "keep" else rng.standard_normal(shape)
    if kind == "slope":
        mask = np.abs(mask) * 0.1
    return [*made, mask.astype(TYPES[_MASKS[kind]])]


def expected(form: Form, arrays: Sequence[Any]) -> np.ndarray:
    """The result in float64."""
    q, k, v = (np.asarray(one, np.float64) for one in arrays[:3])
    while k.ndim < q.ndim:
        k, v = k[..., None, :, :], v[..., None, :, :]
    s = q @ np.swapaxes(k, -1, -2) * form.scale
    i, j = np.arange(form.m)[:, None], np.arange(form.n)[None]
    if form.mask:
        own, places = form.mask[1], _places(form)
        x = np.asarray(arrays[3]).transpose(
            sorted(range(len(own)), key=lambda i: places.index(own[i]))
        )
        x = x.reshape([form.sizes[place] if place in own else 1 for place in places])
        s = _masked(form.mask[0], s, x, j - i)
    if form.causal is not None:
        s = np.where(j <= i + form.causal, s, -np.inf)
        if form.window is not None:
            s = np.where(j > i + form.causal - form.window, s, -np.inf)
    with np.errstate(invalid="ignore"):
        weights = np.exp(s - s.max(-1, keepdims=True))
        out = weights / weights.sum(-1, keepdims=True) @ v
    none = np.isneginf(s).all(-1)
    out[np.broadcast_to(none, out.shape[:-1])] = np.nan if form.empty == "nan" else 0.0
    return out


def _places(form: Form) -> list[str]:
    return [*(f"b{i}" for i in range(len(form.batch))), "m", "n"]


def _masked(kind: str, scores: np.ndarray, mask: np.ndarray, far: np.ndarray) -> np.ndarray:
    if kind == "keep":
        return np.where(mask, scores, -np.inf)
    wide = mask.astype(np.float64)
    return scores + (wide * far if kind == "slope" else wide)
