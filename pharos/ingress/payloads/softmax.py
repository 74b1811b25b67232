"""Softmax along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pharos.core.errors import UserError
from pharos.ingress.payloads import options as o
from pharos.ingress.payloads.forms import FORMS, Forms
from pharos.ingress.payloads.options import Built
from pharos.ingress.payloads.writer import Value, Writer, wider


def softmax(forms: Forms, value: Value, axis: int) -> Value:
    """Softmax of ``value``, computed in at least f32."""
    dtype = value.dtype
    value = forms.cast(value, wider(dtype))
    if forms.form != "generic":
        out = forms.writer.empty(value.shape, value.dtype)
        done = forms.writer.make(
            value.shape,
            value.dtype,
            f"linalg.softmax dimension({axis}) ins({value.name} : {value.type}) "
            f"outs({out.name} : {out.type}) -> {out.type}",
        )
        return forms.cast(done, dtype)
    dims, rest = _dims(value, axis)
    largest = forms.reduce("max", value, [axis])
    power = forms.pointwise(("exp", ("sub", 0, 1)), value, largest, dims=[dims, rest])
    total = forms.reduce("add", power, [axis])
    return forms.cast(forms.pointwise(("div", 0, 1), power, total, dims=[dims, rest]), dtype)


def log_softmax(forms: Forms, value: Value, axis: int) -> Value:
    """The logarithm of softmax, without computing softmax first."""
    dtype = value.dtype
    value = forms.cast(value, wider(dtype))
    dims, rest = _dims(value, axis)
    largest = forms.reduce("max", value, [axis])
    moved = forms.pointwise(("sub", 0, 1), value, largest, dims=[dims, rest])
    total = forms.reduce("add", forms.pointwise(("exp", 0), moved), [axis])
    shift = forms.pointwise(("log", 0), total)
    done = forms.pointwise(("sub", 0, 1), moved, shift, dims=[dims, rest])
    return forms.cast(done, dtype)


def _dims(value: Value, axis: int) -> tuple[list[int], list[int]]:
    dims = list(range(len(value.shape)))
    return dims, [d for d in dims if d != axis]


@dataclass(frozen=True, kw_only=True)
class Softmax:
    """softmax(x), or its logarithm."""

    name: ClassVar[str] = "softmax"
    shape: tuple[int, ...] = o.option("Sizes of the input.", needed=True)
    axis: int = o.option("The axis that sums to one; negative from the end.", -1)
    log: bool = o.option("The logarithm.", False)
    form: str = o.option(o.FORM_HELP, "named")
    dtype: str = o.option(o.DTYPE_HELP, "f32")

    def build(self) -> Built:
        """The payload."""
        o.choose("form", self.form, FORMS)
        o.float_only("softmax", self.dtype)
        axis = checked_axis(self.shape, self.axis)
        writer = Writer(self.name)
        x = writer.argument("x", self.shape, self.dtype)
        of = log_softmax if self.log else softmax
        text = writer.text(of(Forms(writer, self.form), x, axis))
        return Built(writer.name, text, 4 * o.total(self.shape))


def checked_axis(shape: tuple[int, ...], axis: int) -> int:
    """``axis`` counted from the front. Raises UserError when there is none such."""
    if not shape:
        raise UserError("--shape: expected at least one size, found none")
    o.positive(**{f"shape[{n}]": size for n, size in enumerate(shape)})
    if not -len(shape) <= axis < len(shape):
        raise UserError(f"--axis: expected one of {len(shape)} axes, found {axis}")
    return axis % len(shape)
