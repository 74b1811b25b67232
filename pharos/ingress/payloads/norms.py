"""Layer norm and RMS norm over the last axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pharos.core.errors import UserError
from pharos.ingress.payloads import options as o
from pharos.ingress.payloads.forms import FORMS, Forms
from pharos.ingress.payloads.options import Built
from pharos.ingress.payloads.softmax import checked_axis
from pharos.ingress.payloads.writer import Value, Writer, wider


@dataclass(frozen=True, kw_only=True)
class _Norm:
    """What both norms have in common."""

    name: ClassVar[str]
    centred: ClassVar[bool]
    shape: tuple[int, ...] = o.option("Sizes of the input.", needed=True)
    axes: int = o.option("How many of the last axes are normalised together.", 1)
    epsilon: float = o.option("Added to the mean of the squares.", 1e-5)
    affine: bool = o.option("Multiply by a weight (and add a bias, in layer norm).", False)
    form: str = o.option(o.FORM_HELP, "named")
    dtype: str = o.option(o.DTYPE_HELP, "f32")

    def build(self) -> Built:
        """The payload."""
        o.choose("form", self.form, FORMS)
        o.float_only(self.name, self.dtype)
        checked_axis(self.shape, 0)
        if not 1 <= self.axes <= len(self.shape):
            raise UserError(f"--axes: expected 1 to {len(self.shape)}, found {self.axes}")
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise UserError(f"--epsilon: expected a number from 0, found {self.epsilon}")
        writer = Writer(self.name)
        x = writer.argument("x", self.shape, self.dtype)
        inner = self.shape[len(self.shape) - self.axes :]
        names = ("weight", "bias")[: (2 if self.centred else 1) if self.affine else 0]
        scales = [writer.argument(one, inner, self.dtype) for one in names]
        value = self._normalised(Forms(writer, self.form), x, scales)
        return Built(
            writer.name, writer.text(value), (8 if self.centred else 4) * o.total(self.shape)
        )

    def _normalised(self, forms: Forms, x: Value, scales: list[Value]) -> Value:
        rank = len(x.shape)
        dims, kept = list(range(rank)), list(range(rank - self.axes))
        axes = dims[rank - self.axes :]
        count = float(o.total(self.shape[rank - self.axes :]))
        value = forms.cast(x, wider(self.dtype))
        if self.centred:
            total = forms.reduce("add", value, axes)
            mean = forms.pointwise(("div", 0, count), total)
            value = forms.pointwise(("sub", 0, 1), value, mean, dims=[dims, kept])
        squares = forms.reduce("add", forms.pointwise(("mul", 0, 0), value), axes)
        factor = forms.pointwise(
            ("rsqrt", ("add", ("div", 0, count), float(self.epsilon))), squares
        )
        value = forms.pointwise(("mul", 0, 1), value, factor, dims=[dims, kept])
        for operation, scale in zip(("mul", "add"), scales, strict=False):
            wide = forms.cast(scale, value.dtype)
            value = forms.pointwise((operation, 0, 1), value, wide, dims=[dims, axes])
        return forms.cast(value, self.dtype)


@dataclass(frozen=True, kw_only=True)
class LayerNorm(_Norm):
    """(x - mean) / sqrt(variance + epsilon), scaled and moved."""

    name: ClassVar[str] = "layer-norm"
    centred: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class RmsNorm(_Norm):
    """x / sqrt(mean of the squares + epsilon), scaled."""

    name: ClassVar[str] = "rms-norm"
    centred: ClassVar[bool] = False
