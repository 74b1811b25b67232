"""Matrix products, in batches, transposed, with what follows them, in blocked layouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pharos.core.errors import UserError
from pharos.ingress.payloads import options as o
from pharos.ingress.payloads.forms import ACTIVATIONS, Forms
from pharos.ingress.payloads.options import Built, Types, refuse
from pharos.ingress.payloads.writer import Value, Writer

VNNI = {2: ("f16", "bf16"), 4: ("i8",)}


@dataclass(frozen=True)
class Layer:
    """One product ``a[m, k] * b[k, n]`` with what follows it, as ``layer`` writes it."""

    form: str
    types: Types
    transpose_a: bool = False
    transpose_b: bool = False
    activation: str = "none"
    tiles: tuple[int, ...] = ()
    vnni: int = 0

    def check(self, m: int, n: int, k: int) -> None:
        """Raise UserError for options that do not go together."""
        o.check_common(self.form, self.activation, self.types)
        if self.vnni not in (0, *VNNI):
            raise UserError(f"--vnni: expected 0, 2 or 4, found {self.vnni}")
        if self.vnni and not self.tiles:
            raise refuse(f"--vnni {self.vnni}", "no --tiles", "it is a layout of tiles")
        if not self.tiles:
            return
        if len(self.tiles) != 3:
            raise UserError(f"--tiles: expected m,n,k, found {len(self.tiles)} sizes")
        o.positive(
            **{f"tiles of {name}": tile for name, tile in zip("mnk", self.tiles, strict=True)}
        )
        for turned, name in ((self.transpose_a, "a"), (self.transpose_b, "b")):
            if turned:
                raise refuse("--tiles", f"--transpose-{name}", "a blocked layout has one order")
        for name, whole, tile in zip("mnk", (m, n, k), self.tiles, strict=True):
            if whole % tile:
                raise refuse("--tiles", f"{name} {whole}", f"{tile} does not divide it")
        if self.vnni:
            self._check_vnni()

    def _check_vnni(self) -> None:
        if self.types.dtype not in VNNI[self.vnni]:
            known = ", ".join(VNNI[self.vnni])
            raise refuse(f"--vnni {self.vnni}", f"--dtype {self.types.dtype}", f"it is for {known}")
        if self.form == "named":
            raise refuse("--vnni", "--form named", "no named operation has this layout")
        if self.tiles[2] % self.vnni:
            raise refuse(
                f"--vnni {self.vnni}", f"--tiles ..,{self.tiles[2]}", "it does not divide the last"
            )

    def shape_a(self, m: int, k: int) -> tuple[int, ...]:
        """The sizes of the left factor."""
        if self.tiles:
            tm, _, tk = self.tiles
            return (m // tm, k // tk, tm, tk)
        return (k, m) if self.transpose_a else (m, k)

    def shape_b(self, n: int, k: int) -> tuple[int, ...]:
        """The sizes of the right factor."""
        if self.tiles:
            _, tn, tk = self.tiles
            inner = (tk // self.vnni, tn, self.vnni) if self.vnni else (tk, tn)
            return (n // tn, k // tk, *inner)
        return (n, k) if self.transpose_b else (k, n)

    def shape_c(self, m: int, n: int) -> tuple[int, ...]:
        """The sizes of the result."""
        if self.tiles:
            tm, tn, _ = self.tiles
            return (m // tm, n // tn, tm, tn)
        return (m, n)

    def shape_bias(self, n: int) -> tuple[int, ...]:
        """The sizes of a bias."""
        return (n // self.tiles[1], self.tiles[1]) if self.tiles else (n,)


def layer(
    writer: Writer, spec: Layer, a: Value, b: Value, start: Value, bias: Value | None
) -> Value:
    """``activation(a * b + start + bias)`` in the type of the result."""
    forms = Forms(writer, spec.form)
    total = product(forms, spec, a, b, start)
    if bias is not None:
        rank = len(total.shape)
        places = (rank // 2 - 1, rank - 1) if spec.tiles else (rank - 1,)
        total = forms.pointwise(("add", 0, 1), total, bias, dims=[range(rank), places])
    total = forms.pointwise(ACTIVATIONS[spec.activation], total)
    return forms.cast(total, spec.types.result)


def product(forms: Forms, spec: Layer, a: Value, b: Value, start: Value) -> Value:
    """The contraction alone."""
    if not spec.tiles:
        batch = "b" if len(start.shape) == 3 else ""
        left, right = ("km" if spec.transpose_a else "mk"), ("nk" if spec.transpose_b else "kn")
        letters = (batch + left, batch + right, f"{batch}mn")
        return forms.contract(a, b, start, letters, "batch_matmul" if batch else "matmul")
    if spec.vnni:
        tiles = a.shape[-1] // spec.vnni
        split = (*a.shape[:3], tiles, spec.vnni)
        a = forms.writer.reshaped(a, [[0], [1], [2], [3, 4]], split)
        return forms.contract(a, b, start, ("mkpqv", "nkqrv", "mnpr"))
    if spec.form == "named":
        b = forms.transposed(b, (0, 1, 3, 2))
        return forms.contract(a, b, start, ("mkpq", "nkrq", "mnpr"), "mmt4d")
    return forms.contract(a, b, start, ("mkpq", "nkqr", "mnpr"))


@dataclass(frozen=True, kw_only=True)
class Matmul:
    """A matrix product: activation(A * B + bias), or C + A * B."""

    name: ClassVar[str] = "matmul"
    m: int = o.option("Rows of the result.", needed=True)
    n: int = o.option("Columns of the result.", needed=True)
    k: int = o.option("Length of the sums.", needed=True)
    batch: int = o.option("Products side by side; 0 for matrices alone.", 0)
    transpose_a: bool = o.option("A is k x m.", False)
    transpose_b: bool = o.option("B is n x k.", False)
    bias: bool = o.option("Add a vector of n elements to each row.", False)
    activation: str = o.option(f"{', '.join(ACTIVATIONS)}.", "none")
    accumulate: bool = o.option("Add to a matrix that is given.", False)
    form: str = o.option(o.FORM_HELP, "named")
    dtype: str = o.option(o.DTYPE_HELP, "f32")
    accumulator: str = o.option(o.ACCUMULATOR_HELP, "")
    result: str = o.option(o.RESULT_HELP, "")
    tiles: tuple[int, ...] = o.option("m,n,k of blocked layouts: A is M/m x K/k x m x k.", ())
    vnni: int = o.option("2 or 4: elements of k that lie together in a tile of B.", 0)

    def build(self) -> Built:
        """The payload."""
        o.positive(m=self.m, n=self.n, k=self.k)
        types = Types.of(self.dtype, self.accumulator, self.result)
        spec = Layer(
            self.form, types, self.transpose_a, self.transpose_b, self.activation, self.tiles,
            self.vnni,
        )  # fmt: skip
        spec.check(self.m, self.n, self.k)
        if self.batch < 0:
            raise UserError(f"--batch: expected 0 or more, found {self.batch}")
        if self.batch and self.tiles:
            raise refuse("--batch", "--tiles", "blocked layouts are of single matrices")
        return self._built(spec, types)

    def _built(self, spec: Layer, types: Types) -> Built:
        writer = Writer(self.name)
        batch = (self.batch,) if self.batch else ()
        a = writer.argument("a", batch + spec.shape_a(self.m, self.k), types.dtype)
        b = writer.argument("b", batch + spec.shape_b(self.n, self.k), types.dtype)
        shape = batch + spec.shape_c(self.m, self.n)
        bias = (
            writer.argument("bias", spec.shape_bias(self.n), types.accumulator)
            if self.bias
            else None
        )
        if self.accumulate:
            start = writer.argument("c", shape, types.accumulator)
        else:
            start = writer.filled(0.0, shape, types.accumulator)
        out = layer(writer, spec, a, b, start, bias)
        flops = 2 * max(1, self.batch) * self.m * self.n * self.k
        return Built(writer.name, writer.text(out), flops)
