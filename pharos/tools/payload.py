"""pharos payload: modules from sizes and options. A command per builder, made from its fields."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any

import typer

from pharos.core.errors import UserError
from pharos.ingress.payloads import BUILDERS
from pharos.tools.apps import application

payload = application(
    "payload",
    """Modules of linalg on tensors, made from sizes and options.

    \b
    Example:
      pharos payload matmul --m 512 --n 512 --k 256 --bias --activation relu
    """,
)

_EXAMPLES = {
    "matmul": "--m 512 --n 512 --k 256 --transpose-b --dtype bf16",
    "mlp": "--batch 256 --layers 128,256,512 --bias --form generic",
    "attention": "--heads 8 --queries 128 --depth 64 --causal",
    "softmax": "--shape 128,1024 --axis -1",
    "layer-norm": "--shape 128,1024 --affine",
    "rms-norm": "--shape 128,1024",
    "conv": "--channels 64 --features 64 --size 56,56 --window 3,3 --padding 1,1",
}


def _command(kind: type[Any]) -> Callable[..., None]:
    """The command that prints what the builder ``kind`` makes of its options."""
    types = typing.get_type_hints(kind)
    lists = {one.name for one in fields(kind) if types[one.name] == tuple[int, ...]}

    def command(**options: Any) -> None:
        from pharos import ir

        given = {n: _sizes(n, v) if n in lists else v for n, v in options.items()}
        built = kind(**given).build()
        print(f"// {built.flops} floating-point operations")
        print(ir.to_text(ir.parse(built.text, file=f"<{kind.name}>")), end="")

    parameters = [_parameter(one, types[one.name], one.name in lists) for one in fields(kind)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    text = inspect.cleandoc(kind.__doc__ or "")
    command.__doc__ = f"{text}\n\n\b\nExample:\n  pharos payload {kind.name} {_EXAMPLES[kind.name]}"
    return command


def _parameter(one: Field[Any], type_: Any, is_list: bool) -> inspect.Parameter:
    """A field as an option."""
    needed = one.default is MISSING
    # What the help text says itself, or what says nothing, is not shown again.
    shown = bool(one.default) and not needed
    metavar = "N,..." if is_list else None
    names = [f"--{one.name.replace('_', '-')}"] if type_ is bool else []
    option = typer.Option(*names, help=one.metadata["help"], metavar=metavar, show_default=shown)
    default = inspect.Parameter.empty if needed else "" if is_list else one.default
    annotation: Any = Annotated[(str if is_list else type_), option]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(one.name, kind, default=default, annotation=annotation)


def _sizes(name: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise UserError(
            f"--{name.replace('_', '-')}: expected numbers such as 3,4, found '{text}'"
        ) from None


for _name, _kind in BUILDERS.items():
    payload.command(_name)(_command(_kind))
