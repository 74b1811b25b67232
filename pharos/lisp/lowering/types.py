"""Types as written to MLIR types, each text parsed once for a context."""

from __future__ import annotations

from typing import Any

from pharos.core.errors import UserError, nearest
from pharos.core.span import Span
from pharos.ir.bindings import MLIRError, mlir
from pharos.lisp.functions import function_parts, is_dots, is_function_type
from pharos.lisp.values import String, Symbol, Value, Vector, describe, to_text

_COMMON = ("i1", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64", "index", "!llvm.ptr")
_BUILT_IN_NAMES = ("memref", "tensor", "vector", "tuple", "complex", "none")


class Types:
    """The types of one context. Must be used while the context is entered."""

    def __init__(self) -> None:
        self._types: dict[str, Any] = {}

    def parse(self, text: str, span: Span | None) -> Any:
        """The type with the text ``text``; UserError when there is no such type."""
        type_ = self._types.get(text)
        if type_ is None:
            type_ = self._types[text] = _parse(text, span)
        return type_

    def of(self, value: Value) -> Any:
        """The type written as a symbol or a string."""
        if isinstance(value, Symbol):
            return self.parse(value.text, value.span)
        if isinstance(value, String):
            return self.parse(value.value, value.span)
        if is_function_type(value):
            return self.function(value)
        raise UserError(
            f"invalid type: expected a symbol or a string, got {describe(value)}", span=value.span
        )

    def results(self, value: Value) -> list[Any]:
        """The types of ``:result``: one, or a vector of them."""
        if isinstance(value, Vector):
            return [self.of(item) for item in value.items]
        return [self.of(value)]

    def function(self, form: Value, *, llvm: bool = False) -> Any:
        """The type of ``(-> [types...] [types...])``.

        LLVM's kind of function type if ``llvm`` or when the arguments end in ``...``.
        """
        inputs, outputs = function_parts(form)
        if inputs and is_dots(inputs[-1]):
            return self.llvm_function(inputs, outputs, form.span)
        if llvm:
            return self.llvm_function(inputs, outputs, form.span)
        return mlir.FunctionType.get(
            [self.of(item) for item in inputs], [self.of(item) for item in outputs]
        )

    def llvm_function(self, inputs: list[Value], outputs: list[Value], span: Span | None) -> Any:
        """The type ``!llvm.func<R (args)>``; the last of ``inputs`` may be ``...``."""
        if len(outputs) > 1:
            raise UserError(
                f"an LLVM function has at most one result, got {len(outputs)}",
                span=outputs[1].span or span,
            )
        texts = [
            "..." if item is inputs[-1] and is_dots(item) else str(self.of(item)) for item in inputs
        ]
        result = str(self.of(outputs[0])) if outputs else "void"
        return self.parse(f"!llvm.func<{result} ({', '.join(texts)})>", span)


def _parse(text: str, span: Span | None) -> Any:
    # MLIR reads beyond the end of an empty text, and only up to a NUL.
    if not text or "\0" in text:
        raise UserError(f"type parse error: {to_text(String(text))} is not a type", span=span)
    try:
        return mlir.Type.parse(text)
    except MLIRError as error:
        raise UserError(
            f"type parse error: '{text}' is not a type", span=span, hint=_hint(text, error)
        ) from None


def _hint(text: str, error: MLIRError) -> str | None:
    said = error.error_diagnostics[0].message if error.error_diagnostics else None
    if "<" in text or text.startswith("!"):
        return f"MLIR says: {said}" if said else None
    if text in _BUILT_IN_NAMES:
        return f"write what is in it: {text}<...>"
    return nearest(text, _COMMON)
