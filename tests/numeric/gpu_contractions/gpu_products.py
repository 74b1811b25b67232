"""Payloads with a product of matrices, and what numpy says about their result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from pharos import ir
from pharos.core.artifact import Artifact
from pharos.toolchain import build, load
from pharos.toolchain.records import Payload, Request

DTYPES = {
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "i32": np.dtype(np.int32),
}
# Relative error of one rounding to the type.
ROUNDING = {"f16": 2**-11, "bf16": 2**-8, "f32": 2**-24, "tf32": 2**-11, "f64": 2**-53}


@dataclass(frozen=True)
class Product:
    """``C[b, m, n] = finish(start + sum over k of A[b, m, k] * B[b, k, n])``.

    ``turned`` names the factors that are stored transposed ("a", "b", "ab"). ``start`` is "zero" or
    "value" (C is an argument); ``finish`` is "" or "bias-relu" or "add" (another matrix).
    """

    m: int
    n: int
    k: int
    dtype: str = "f16"
    out: str = "f32"
    turned: str = ""
    batch: int = 0
    start: str = "zero"
    finish: str = ""

    def text(self) -> str:
        """The module."""
        loops = "b, m, n, k" if self.batch else "m, n, k"
        maps = [f"affine_map<({loops}) -> ({', '.join(d)})>" for d in self._dims()]
        kinds = ", ".join(['"parallel"'] * (3 if self.batch else 2) + ['"reduction"'])
        a, b, c = self._types()
        arguments = f"%A: {a}, %B: {b}" + (f", %C: {c}" if self.start == "value" else "")
        arguments += f", %X: {self._extra()}" if self.finish else ""
        return f"""func.func @main({arguments}) -> {c} {{
  %zero = arith.constant {"0" if self.out[0] == "i" else "0.0"} : {self.out}
  %e = tensor.empty() : {c}
  {self._begin(c)}
  %p = linalg.generic {{indexing_maps = [{", ".join(maps)}], iterator_types = [{kinds}]}}
    ins(%A, %B : {a}, {b}) outs(%s : {c}) {{
  ^bb0(%x: {self.dtype}, %y: {self.dtype}, %o: {self.out}):
    {self._body()}
    linalg.yield %r : {self.out}
  }} -> {c}
  {self._end(c)}
}}"""

    def _dims(self) -> list[str]:
        a = "km" if "a" in self.turned else "mk"
        b = "nk" if "b" in self.turned else "kn"
        return [("b" if self.batch else "") + dims for dims in (a, b, "mn")]

    def shapes(self) -> list[tuple[int, ...]]:
        """Of A, B and C."""
        sizes = {"b": self.batch, "m": self.m, "n": self.n, "k": self.k}
        return [tuple(sizes[d] for d in dims) for dims in self._dims()]

    def _types(self) -> list[str]:
        dtypes = (self.dtype, self.dtype, self.out)
        shapes = ("x".join(map(str, shape)) for shape in self.shapes())
        return [f"tensor<{s}x{d}>" for s, d in zip(shapes, dtypes, strict=True)]

    def _extra(self) -> str:
        return f"tensor<{self.n}x{self.out}>" if self.finish == "bias-relu" else self._types()[2]

    def _begin(self, c: str) -> str:
        if self.start == "value":
            return f"%s = tensor.cast %C : {c} to {c}"
        return f"%s = linalg.fill ins(%zero : {self.out}) outs(%e : {c}) -> {c}"

    def _body(self) -> str:
        t, kind = self.out, "i" if self.out[0] == "i" else "f"
        lines = []
        names = ["%x", "%y"]
        if self.dtype != t:
            names = ["%x1", "%y1"]
            lines = [f"{n}1 = arith.ext{kind} {n} : {self.dtype} to {t}" for n in ("%x", "%y")]
        lines += [
            f"%q = arith.mul{kind} {names[0]}, {names[1]} : {t}",
            f"%r = arith.add{kind} %o, %q : {t}",
        ]
        return "\n    ".join(lines)

    def _end(self, c: str) -> str:
        if not self.finish:
            return f"return %p : {c}"
        loops = "b, m, n" if self.batch else "m, n"
        own = f"affine_map<({loops}) -> ({loops})>"
        other = f"affine_map<({loops}) -> (n)>" if self.finish == "bias-relu" else own
        kinds = ", ".join(['"parallel"'] * (3 if self.batch else 2))
        done = (
            "%v = arith.maximumf %w, %zero"
            if self.finish == "bias-relu"
            else "%v = arith.mulf %w, %w"
        )
        return f"""%f = linalg.generic {{indexing_maps = [{own}, {other}, {own}],
      iterator_types = [{kinds}]}} ins(%p, %X : {c}, {self._extra()}) outs(%e : {c}) {{
  ^bb0(%x: {self.out}, %y: {self.out}, %o: {self.out}):
    %w = arith.addf %x, %y : {self.out}
    {done} : {self.out}
    linalg.yield %v : {self.out}
  }} -> {c}
  return %f : {c}"""

    def arguments(self, seed: int = 0) -> list[np.ndarray[Any, Any]]:
        """Random arrays for the function's arguments."""
        random = np.random.default_rng(seed)
        a, b, c = self.shapes()
        wanted = [(a, self.dtype), (b, self.dtype)]
        if self.start == "value":
            wanted.append((c, self.out))
        if self.finish:
            wanted.append(((self.n,) if self.finish == "bias-relu" else c, self.out))
        if self.dtype[0] == "i":
            return [random.integers(-99, 99, s).astype(DTYPES[d]) for s, d in wanted]
        return [random.standard_normal(s).astype(DTYPES[d]) for s, d in wanted]

    def expected(self, arguments: list[Any]) -> tuple[Any, Any]:
        """The result in float64, and the sum of absolute values behind each element."""
        a, b, *rest = (np.asarray(x, dtype=np.float64) for x in arguments)
        a = np.swapaxes(a, -1, -2) if "a" in self.turned else a
        b = np.swapaxes(b, -1, -2) if "b" in self.turned else b
        total, size = a @ b, np.abs(a) @ np.abs(b)
        if self.start == "value":
            total, size = total + rest[0], size + np.abs(rest[0])
        if self.finish:
            total, size = total + rest[-1], size + np.abs(rest[-1])
        if self.finish == "bias-relu":
            total = np.maximum(total, 0)
        elif self.finish == "add":
            total, size = total * total, 2 * np.abs(total) * size + 1e-30
        return total, size


def built(product: Product, target: str, **parameters: Any) -> Artifact:
    """``product`` compiled."""
    text = product.text()
    payload = Payload("product", text, lambda: ir.parse(text))
    return build(payload, Request(target=target, parameters=parameters)).artifact


def check(product: Product, target: str, **parameters: Any) -> None:
    """Run ``product`` on ``target`` and compare with numpy.

    The bound: the sums of n products are off by at most n roundings of f32 of the sum of absolute
    values (Higham, Accuracy and Stability, 3.1), tf32 rounds both factors, and the result is
    rounded to its type once, or, where something follows the product, twice.
    """
    arguments = product.arguments()
    (result,) = _as_tuple(load(built(product, target, **parameters)).call("main", *arguments))
    wanted, size = product.expected(arguments)
    found = np.asarray(result, dtype=np.float64)
    assert found.shape == wanted.shape
    if product.dtype[0] == "i":
        np.testing.assert_array_equal(found, wanted)
        return
    sums = "f64" if product.out == "f64" else "f32"
    bound = (product.k + 4) * ROUNDING[sums] * size + 2 * ROUNDING[product.out] * size
    if parameters.get("f32") == "tf32":
        bound += 2.1 * ROUNDING["tf32"] * size
    wrong = ~(np.abs(found - wanted) <= bound)
    assert not wrong.any(), (
        f"{wrong.sum()} of {wrong.size} elements are wrong, the first at "
        f"{tuple(int(i[0]) for i in np.nonzero(wrong))}: {found[wrong][0]} for {wanted[wrong][0]}"
    )


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
