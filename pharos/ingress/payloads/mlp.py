"""Layers of matrix products, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pharos.core.errors import UserError
from pharos.ingress.payloads import options as o
from pharos.ingress.payloads.forms import ACTIVATIONS, Forms
from pharos.ingress.payloads.matmul import Layer, layer
from pharos.ingress.payloads.options import Built, Types, refuse
from pharos.ingress.payloads.softmax import softmax
from pharos.ingress.payloads.writer import Value, Writer


@dataclass(frozen=True, kw_only=True)
class Mlp:
    """Matrix products in a chain, with bias and activation.

    Every layer but the last has the activation; its result has the element type of the inputs.
    """

    name: ClassVar[str] = "mlp"
    batch: int = o.option("Rows of the input.", needed=True)
    layers: tuple[int, ...] = o.option("Sizes from the input to the output.", needed=True)
    bias: bool = o.option("Add a vector after each product.", False)
    activation: str = o.option(f"{', '.join(ACTIVATIONS)}.", "relu")
    last_activation: bool = o.option("The last layer has it, too.", False)
    softmax: bool = o.option("Softmax of each row at the end.", False)
    transposed_weights: bool = o.option("Weights are (outputs, inputs).", False)
    form: str = o.option(o.FORM_HELP, "named")
    dtype: str = o.option(o.DTYPE_HELP, "f32")
    tiles: tuple[int, ...] = o.option("m,n,k of blocked layouts; n and k are equal.", ())
    vnni: int = o.option("2 or 4: elements of k that lie together in a tile of weights.", 0)

    def build(self) -> Built:
        """The payload."""
        o.positive(batch=self.batch)
        if len(self.layers) < 2:
            raise UserError(f"--layers: expected two sizes or more, found {len(self.layers)}")
        o.positive(**{f"layers[{n}]": size for n, size in enumerate(self.layers)})
        types = Types.of(self.dtype, "", self.dtype)
        pairs = list(zip(self.layers, self.layers[1:], strict=False))
        specs = [self._spec(types, n == len(pairs) - 1) for n in range(len(pairs))]
        for spec, (k, n) in zip(specs, pairs, strict=True):
            spec.check(self.batch, n, k)
        self._check(len(pairs))
        return self._built(specs, pairs, types)

    def _check(self, layers: int) -> None:
        if self.tiles and layers > 1 and self.tiles[1] != self.tiles[2]:
            raise refuse(
                "--tiles", f"{layers} layers", "n and k differ: a result is the next one's input"
            )
        if self.tiles and self.softmax:
            raise refuse("--tiles", "--softmax", "a row lies in several tiles")
        if self.softmax:
            o.float_only("--softmax", self.dtype)

    def _spec(self, types: Types, last: bool) -> Layer:
        active = self.activation if self.last_activation or not last else "none"
        o.check_common(self.form, self.activation, types)
        return Layer(
            self.form, types, False, self.transposed_weights, active, self.tiles, self.vnni
        )

    def _built(self, specs: list[Layer], pairs: list[tuple[int, int]], types: Types) -> Built:
        writer = Writer(self.name)
        value = writer.argument("x", specs[0].shape_a(self.batch, self.layers[0]), types.dtype)
        weights: list[tuple[Value, Value | None]] = []
        for number, (spec, (k, n)) in enumerate(zip(specs, pairs, strict=True)):
            w = writer.argument(f"w{number}", spec.shape_b(n, k), types.dtype)
            bias = None
            if self.bias:
                bias = writer.argument(f"b{number}", spec.shape_bias(n), types.accumulator)
            weights.append((w, bias))
        for spec, (_, n), (w, bias) in zip(specs, pairs, weights, strict=True):
            start = writer.filled(0.0, spec.shape_c(self.batch, n), types.accumulator)
            value = layer(writer, spec, value, w, start, bias)
        if self.softmax:
            value = softmax(Forms(writer, self.form), value, 1)
        flops = sum(2 * self.batch * k * n for k, n in pairs)
        return Built(writer.name, writer.text(value), flops)
