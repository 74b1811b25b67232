"""Convolutions in one, two and three dimensions: strided, dilated, padded, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pharos.core.errors import UserError
from pharos.ingress.payloads import options as o
from pharos.ingress.payloads.forms import ACTIVATIONS, Forms
from pharos.ingress.payloads.options import Built, Types, refuse
from pharos.ingress.payloads.writer import Value, Writer

LAYOUTS = ("first", "last")
_SPACE = {1: "w", 2: "hw", 3: "dhw"}


@dataclass(frozen=True, kw_only=True)
class Conv:
    """activation(conv(x, filters) + bias).

    Sizes, windows, strides, dilations and padding have one number per dimension of space. Filters
    are features x channels x window; with channels last, window x channels x features.
    """

    name: ClassVar[str] = "conv"
    batch: int = o.option("Images.", 1)
    channels: int = o.option("Channels of an image.", needed=True)
    features: int = o.option("Channels of the result.", needed=True)
    size: tuple[int, ...] = o.option("Sizes of an image.", needed=True)
    window: tuple[int, ...] = o.option("Sizes of the window.", needed=True)
    strides: tuple[int, ...] = o.option("Steps of the window.  [default: 1]", ())
    dilations: tuple[int, ...] = o.option("Steps inside the window.  [default: 1]", ())
    padding: tuple[int, ...] = o.option("Zeros on each side.  [default: 0]", ())
    groups: int = o.option("Groups of channels that are convolved apart.", 1)
    channels_are: str = o.option(f"{' or '.join(LAYOUTS)} in memory.", "first")
    bias: bool = o.option("Add a number to each feature.", False)
    activation: str = o.option(f"{', '.join(ACTIVATIONS)}.", "none")
    form: str = o.option("named or generic: how the operations are written.", "named")
    dtype: str = o.option(o.DTYPE_HELP, "f32")
    accumulator: str = o.option(o.ACCUMULATOR_HELP, "")
    result: str = o.option(o.RESULT_HELP, "")

    def build(self) -> Built:
        """The payload."""
        types = Types.of(self.dtype, self.accumulator, self.result)
        self._check(types)
        writer = Writer(self.name)
        first = self.channels_are == "first"
        image = (self.channels, *self.size) if first else (*self.size, self.channels)
        inner = self.channels // self.groups
        shape = (self.features, inner, *self.window)
        x = writer.argument("x", (self.batch, *image), types.dtype)
        w = writer.argument(
            "filters", shape if first else (*self.window, inner, self.features), types.dtype
        )
        bias = writer.argument("bias", (self.features,), types.accumulator) if self.bias else None
        out = self._convolution(Forms(writer, self.form), x, w, bias, types)
        flops = 2 * self.batch * self.features * inner * o.total(self.window)
        return Built(writer.name, writer.text(out), flops * o.total(self._out()))

    def _all(self, name: str, default: int) -> tuple[int, ...]:
        return tuple(getattr(self, name)) or (default,) * len(self.size)

    def _out(self) -> tuple[int, ...]:
        """The sizes of the result."""
        each = zip(
            self.size, self.window, self._all("strides", 1), self._all("dilations", 1),
            self._all("padding", 0), strict=True,
        )  # fmt: skip
        return tuple((n + 2 * p - d * (w - 1) - 1) // s + 1 for n, w, s, d, p in each)

    def _check(self, types: Types) -> None:
        if self.form == "category":
            raise refuse("conv", "--form category", "no category operation moves a window")
        o.check_common(self.form, self.activation, types)
        o.choose("channels-are", self.channels_are, LAYOUTS)
        if len(self.size) not in _SPACE:
            raise UserError(f"--size: expected one to three sizes, found {len(self.size)}")
        o.positive(
            batch=self.batch, channels=self.channels, features=self.features, groups=self.groups
        )
        for name, default, least in (
            ("size", 1, 1), ("window", 1, 1), ("strides", 1, 1), ("dilations", 1, 1),
            ("padding", 0, 0),
        ):  # fmt: skip
            values = self._all(name, default)
            if len(values) != len(self.size) or any(value < least for value in values):
                raise UserError(
                    f"--{name}: expected {len(self.size)} numbers of at least {least}, found "
                    f"{','.join(map(str, values))}"
                )
        for name in ("channels", "features"):
            if getattr(self, name) % self.groups:
                raise refuse(
                    f"--groups {self.groups}", f"--{name} {getattr(self, name)}",
                    "it does not divide them",
                )  # fmt: skip
        if any(size < 1 for size in self._out()):
            raise refuse("--window", "--size", "the window is larger than the padded image")
        self._check_groups()

    def _check_groups(self) -> None:
        if self.form != "named" or self.groups == 1 or self._depthwise():
            return
        if len(self.size) != 2 or self.channels_are == "last":
            raise refuse(
                f"--groups {self.groups}",
                "--form named",
                "only 2D images, channels first, have one",
            )

    def _depthwise(self) -> bool:
        return self.groups == self.channels == self.features and self.groups > 1

    def _convolution(
        self, forms: Forms, x: Value, w: Value, bias: Value | None, types: Types
    ) -> Value:
        x = self._padded(forms.writer, x)
        first = self.channels_are == "first"
        shape = (self.features, *self._out()) if first else (*self._out(), self.features)
        start = forms.writer.filled(0.0, (self.batch, *shape), types.accumulator)
        if self.form == "generic":
            value = self._generic(forms, x, w, start)
        else:
            value = self._named(forms.writer, x, w, start)
        if bias is not None:
            rank = len(value.shape)
            places = [range(rank), (1 if first else rank - 1,)]
            value = forms.pointwise(("add", 0, 1), value, bias, dims=places)
        value = forms.pointwise(ACTIVATIONS[self.activation], value)
        return forms.cast(value, types.result)

    def _padded(self, writer: Writer, x: Value) -> Value:
        padding = self._all("padding", 0)
        if not any(padding):
            return x
        around = (0, 0, *padding) if self.channels_are == "first" else (0, *padding, 0)
        shape = [size + 2 * pad for size, pad in zip(x.shape, around, strict=True)]
        sides = ", ".join(map(str, around))
        places = ", ".join(f"%i{n}: index" for n in range(len(shape)))
        zero = writer.constant(0.0, x.dtype)
        to = Value("", tuple(shape), x.dtype).type
        return writer.make(
            shape,
            x.dtype,
            f"tensor.pad {x.name} low[{sides}] high[{sides}] {{\n  ^bb0({places}):\n"
            f"    tensor.yield {zero} : {x.dtype}\n  }} : {x.type} to {to}",
        )

    def _split(self, writer: Writer, value: Value, axis: int) -> Value:
        """``value`` with the groups of dimension ``axis`` as a dimension of their own."""
        rank = len(value.shape)
        groups = [[d] if d < axis else [d, d + 1] if d == axis else [d + 1] for d in range(rank)]
        size = value.shape[axis]
        shape = (*value.shape[:axis], self.groups, size // self.groups, *value.shape[axis + 1 :])
        return writer.reshaped(value, groups, shape)

    def _joined(self, writer: Writer, value: Value, axis: int, shape: tuple[int, ...]) -> Value:
        rank = len(shape)
        groups = [[d] if d < axis else [d, d + 1] if d == axis else [d + 1] for d in range(rank)]
        return writer.reshaped(value, groups, shape)

    def _generic(self, forms: Forms, x: Value, w: Value, start: Value) -> Value:
        """Loops: batch, group, features, places, channels, window."""
        count, first = len(self.size), self.channels_are == "first"
        batch, group, feature, channel = "d0", "d1", "d2", f"d{3 + count}"
        places = [f"d{3 + n}" for n in range(count)]
        windows = [f"d{4 + count + n}" for n in range(count)]
        strides, dilations = self._all("strides", 1), self._all("dilations", 1)
        moved = [
            f"{p} * {s} + {q} * {d}"
            for p, q, s, d in zip(places, windows, strides, dilations, strict=True)
        ]
        kinds = ["parallel"] * (3 + count) + ["reduction"] * (1 + count)
        axis, shape = (1 if first else count + 1), start.shape
        grouped = self._split(forms.writer, x, axis)
        filters = self._split(forms.writer, w, 0 if first else count + 1)
        sums = self._split(forms.writer, start, axis)
        if first:
            maps = [[batch, group, channel, *moved], [group, feature, channel, *windows]]
            out = [batch, group, feature, *places]
        else:
            maps = [[batch, *moved, group, channel], [*windows, channel, group, feature]]
            out = [batch, *places, group, feature]
        body, result = forms.product(grouped, filters, sums)
        value = forms.generic([grouped, filters], sums, [*maps, out], kinds, body, result)
        return self._joined(forms.writer, value, axis, shape)

    def _named(self, writer: Writer, x: Value, w: Value, start: Value) -> Value:
        space, first = _SPACE[len(self.size)], self.channels_are == "first"
        rank, shape = len(self.size), start.shape
        if self._depthwise():
            w = self._without_channels(writer, w)
            letters = f"nc{space}_c{space}" if first else f"n{space}c_{space}c"
            kind = f"depthwise_conv_{rank}d_{letters}"
        elif self.groups > 1:
            x, w, start = (self._split(writer, *one) for one in ((x, 1), (w, 0), (start, 1)))
            kind = f"conv_{rank}d_ngc{space}_gfc{space}"
        else:
            letters = f"nc{space}_fc{space}" if first else f"n{space}c_{space}cf"
            kind = f"conv_{rank}d_{letters}"
        numbers = ", ".join(
            f"{name} = dense<{list(self._all(name, 1))}> : tensor<{rank}xi64>"
            for name in ("dilations", "strides")
        )
        value = writer.make(
            start.shape,
            start.dtype,
            f"linalg.{kind} {{{numbers}}} ins({x.name}, {w.name} : {x.type}, {w.type}) "
            f"outs({start.name} : {start.type}) -> {start.type}",
        )
        return value if start.shape == shape else self._joined(writer, value, 1, shape)

    def _without_channels(self, writer: Writer, w: Value) -> Value:
        """Depthwise filters without the dimension of one channel."""
        rank = len(self.size)
        if self.channels_are == "first":
            groups = [[0, 1], *([d] for d in range(2, rank + 2))]
        else:
            groups = [*([d] for d in range(rank)), [rank, rank + 1]]
        return writer.reshaped(w, groups, [o.total([w.shape[d] for d in one]) for one in groups])
