"""Contexts and modules: make, parse, print, verify, run passes and schedules on them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pharos.core.errors import UserError
from pharos.core.span import register_source
from pharos.ir.bindings import (
    PassManager,
    mlir,
    register_tm_tensor,
    register_translations,
    transform_interpreter,
)
from pharos.ir.diagnostics import diagnosed


def new_context() -> Any:
    """A context in which every dialect of the wheel is available (each loads on first use)."""
    context = mlir.Context()
    # The pool of threads costs more than it brings at the sizes Pharos compiles, and a forked
    # child would inherit its locks.
    context.enable_multithreading(False)
    register_translations(context)
    return context


def parse(text: str, *, file: str = "<string>", context: Any = None) -> Any:
    """The verified module that ``text`` describes.

    ``file`` is the name that errors give. Raises CompileError with the place in ``text``.
    """
    register_source(file, text)
    context = context or new_context()
    _load_what_is_named(text, context)
    with context, diagnosed("parse", file=file):
        return mlir.Module.parse(text)


def parse_file(path: str | Path, *, context: Any = None) -> Any:
    """The verified module in the file at ``path``; its locations name the file."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}", hint="give the path of an .mlir file")
    context = context or new_context()
    _load_what_is_named(path.read_bytes().decode("utf-8", "replace"), context)
    with context, diagnosed("parse", file=str(path)):
        return mlir.Module.parseFile(str(path))


def _load_what_is_named(text: str, context: Any) -> None:
    # Loading it takes 10 ms, and few programs have scans.
    if "tm_tensor." in text:
        register_tm_tensor(context)


def to_text(module: Any, *, locations: bool = False, generic: bool = False) -> str:
    """``module`` as text, long constants in full; ``locations`` adds each operation's place."""
    text: str = module.operation.get_asm(
        enable_debug_info=locations, print_generic_op_form=generic, assume_verified=False
    )
    return text


def verify(module: Any) -> None:
    """Raise CompileError (ErrorList when there are several) unless ``module`` is valid."""
    with diagnosed("verify"):
        module.operation.verify()


def run_passes(module: Any, pipeline: str, *, verify: bool = True) -> None:
    """Run a pass pipeline in MLIR's text form ("canonicalize,func.func(cse)") on ``module``.

    ``module`` is changed in place and verified after each pass, which takes about as long as the
    passes do, unless ``verify`` is false. Raises CompileError for an unknown pass or option, and
    with the place in the payload when a pass fails.
    """
    with module.context, diagnosed(f"pass '{pipeline}'"):
        manager = PassManager.parse(f"builtin.module({pipeline})")
        manager.enable_verifier(verify)
        manager.run(module.operation)


def apply_schedule(module: Any, schedule: Any, *, sequence: str = "__transform_main") -> None:
    """Run the transform sequence named ``sequence`` of the module ``schedule`` on ``module``."""
    for operation in schedule.body.operations:
        if (
            operation.operation.name == "transform.named_sequence"
            and operation.operation.attributes["sym_name"].value == sequence
        ):
            with module.context, diagnosed(f"schedule '{sequence}'"):
                transform_interpreter().apply_named_sequence(module, operation, schedule)
            return
    raise UserError(f"the schedule has no transform.named_sequence @{sequence}")


def export_only(module: Any, names: Collection[str]) -> None:
    """Make every function of ``module`` that has a body private, except those in ``names``.

    Private functions lose their C interface, and vanish when nothing calls them.
    """
    with module.context:
        for operation in module.body.operations:
            attributes = operation.operation.attributes
            if operation.operation.name != "func.func" or attributes["sym_name"].value in names:
                continue
            attributes["sym_visibility"] = mlir.StringAttr.get("private")
            if "llvm.emit_c_interface" in attributes and len(operation.operation.regions[0].blocks):
                del attributes["llvm.emit_c_interface"]
    run_passes(module, "symbol-dce")


def clone(module: Any) -> Any:
    """A copy of ``module`` in the same context, locations included."""
    # Operation by operation, because the bindings clone a module to an operation that cannot be
    # made a module again. Seven times as fast as a round trip through bytecode.
    copy = mlir.Module.create(module.operation.location)
    attributes = module.operation.attributes
    for name in attributes:
        copy.operation.attributes[name] = attributes[name]
    for operation in module.body.operations:
        copy.body.append(operation.operation.clone())
    return copy


def fingerprint(module: Any) -> str:
    """A hash of what ``module`` computes: of its text without locations."""
    return hashlib.sha256(to_text(module).encode()).hexdigest()
