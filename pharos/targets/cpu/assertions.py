"""A failed assertion ends the call with an error in Python, not the process.

    cf.assert %ok, "out of the table"
    ==>
    %failed = arith.xori %ok, true
    scf.if %failed { %text = llvm.mlir.addressof @pharos.assertion.0
                     func.call @pharos_assertion_failed(%text) }

``stopping`` defines the function; it jumps out of the compiled code. A thread of a parallel loop
cannot be left like that: assertions there are left to MLIR, which prints the text and aborts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations, span_of
from pharos.ir.bindings import dialect, mlir
from pharos.targets.cpu.stopping import ASSERTION_FAILED
from pharos.targets.cpu.threads import shared_already


@dataclass(frozen=True)
class Assertions:
    """``cf.assert`` outside parallel loops  ==>  a call that does not return."""

    name: ClassVar[str] = "assertions"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        found = [one for one in operations(module, "cf.assert") if not shared_already(one)]
        if not found:
            return module
        with module.context, mlir.Location.unknown():
            _declare(module)
            for number, assertion in enumerate(found):
                text = f"pharos.assertion.{number}"
                _define(module, text, _told(assertion))
                _rewrite(assertion, text)
        return module


def _told(assertion: Any) -> str:
    """What the user is told, with the place if it is known: ``stopping`` takes it apart again."""
    message = f"assertion failed: {mlir.StringAttr(assertion.attributes['msg']).value}"
    span = span_of(assertion.location)
    return message if span is None else f"{span}: {message}"


def _declare(module: Any) -> None:
    declared = f"func.func private @{ASSERTION_FAILED}(!llvm.ptr)"
    module.body.append(mlir.Operation.parse(declared))


def _define(module: Any, name: str, text: str) -> None:
    value = mlir.StringAttr.get(text.encode() + b"\0")
    kind = mlir.Type.parse(f"!llvm.array<{len(text.encode()) + 1} x i8>")
    module.body.append(
        mlir.Operation.create(
            "llvm.mlir.global",
            attributes={
                "sym_name": mlir.StringAttr.get(name),
                "global_type": mlir.TypeAttr.get(kind),
                "linkage": mlir.Attribute.parse("#llvm.linkage<private>"),
                "constant": mlir.UnitAttr.get(),
                "value": value,
                "addr_space": mlir.IntegerAttr.get(mlir.IntegerType.get_signless(32), 0),
            },
            regions=1,
        )
    )


def _rewrite(assertion: Any, text: str) -> None:
    arith, scf, func = dialect("arith"), dialect("scf"), dialect("func")
    with mlir.InsertionPoint(assertion), assertion.location:
        true = arith.constant(mlir.IntegerType.get_signless(1), 1)
        branch = scf.IfOp(arith.xori(assertion.operands[0], true))
        with mlir.InsertionPoint(branch.then_block):
            address = mlir.Operation.create(
                "llvm.mlir.addressof",
                results=[mlir.Type.parse("!llvm.ptr")],
                attributes={"global_name": mlir.FlatSymbolRefAttr.get(text)},
            )
            func.CallOp([], ASSERTION_FAILED, [address.results[0]])
            scf.YieldOp([])
    assertion.erase()
