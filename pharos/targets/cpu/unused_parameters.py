"""What a private function does not read is not passed to it.

    llvm.func internal @kernel(%lo, %allocated, %aligned, %offset, %size) { ... %aligned ... }
    ==>
    llvm.func internal @kernel(%lo, %aligned) { ... }

An array of known shape is lowered to a pointer, which is used, and six or more words that are not.
LLVM's optimisations find that out, too, but they are left out for large modules, where passing
arguments and handing them to threads was a third of all code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import mlir
from pharos.targets.cpu.private_functions import LARGE, PrivateFunctions, set_parameters


@dataclass(frozen=True)
class UnusedParameters:
    """Parameters without uses, of private functions, leave them and their calls.

    Modules of fewer than ``least`` operations are left as they are.
    """

    name: ClassVar[str] = "unused-parameters"
    least: int = LARGE

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module``, in the LLVM dialect, in place."""
        with module.context:
            private = PrivateFunctions(module)
            if private.operations < self.least:
                return module
            # What a function only passes on is unused once its callee, which comes later in
            # the module, has dropped it.
            for function in reversed(private.functions):
                _drop(function, private)
        return module


def _drop(function: Any, private: PrivateFunctions) -> None:
    block = function.regions[0].blocks[0]
    arguments = list(block.arguments)
    kept = [number for number, value in enumerate(arguments) if any(True for _ in value.uses)]
    if len(kept) == len(arguments):
        return
    for number in reversed(range(len(arguments))):
        if number not in kept:
            block.erase_argument(number)
    set_parameters(function, [argument.type for argument in block.arguments])
    if "arg_attrs" in function.attributes:
        given = list(function.attributes["arg_attrs"])
        function.attributes["arg_attrs"] = mlir.ArrayAttr.get([given[number] for number in kept])
    for call in private.calls(function):
        private.replace(call, function, [call.operands[number] for number in kept])
