"""Store f32 arguments as a narrower float type and widen their elements where they are loaded.

    func @f(%w: memref<?xf32>, ...) attributes {pharos.weights = [0]}
      %v = memref.load %w[%i]
    ==>
    func @f(%w: memref<?xbf16>, ...)
      %n = memref.load %w[%i] : memref<?xbf16>
      %v = arith.extf %n : bf16 to f32

The marked arguments are followed through views, calls and returns. They may be read by
``memref.load`` and as inputs of ``linalg.generic``; any other use is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pharos.core.errors import UserError
from pharos.ir import operations, span_of
from pharos.ir.bindings import dialect, mlir

ATTRIBUTE = "pharos.weights"
_VIEWS = (
    "memref.subview",
    "memref.cast",
    "memref.reinterpret_cast",
    "memref.expand_shape",
    "memref.collapse_shape",
    "memref.transpose",
)


@dataclass(frozen=True)
class NarrowStorage:
    """Retype the arguments that ``pharos.weights`` lists, from f32 to ``type`` (bf16 or f16)."""

    name: ClassVar[str] = "narrow-storage"
    type: str = "bf16"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place; with type f32 nothing changes.

        Raises UserError at the first operation that uses a marked argument in a way that has no
        narrow form, and where a function gets a marked argument at one call and not at another.
        """
        if self.type not in ("f32", "bf16", "f16"):
            raise UserError(f"narrow-storage: expected type f32, bf16 or f16, found '{self.type}'")
        functions = {
            op.attributes["sym_name"].value: op.operation
            for op in module.body.operations
            if op.operation.name == "func.func"
        }
        if self.type == "f32":
            return module
        with module.context, mlir.Location.unknown():
            rewrite = _Rewrite(mlir.Type.parse(self.type), functions)
            for function in functions.values():
                if ATTRIBUTE in function.attributes:
                    for number in function.attributes[ATTRIBUTE]:
                        rewrite.reach(function.regions[0].blocks[0].arguments[number.value])
            rewrite.finish()
        return module


@dataclass
class _Rewrite:
    narrow: Any
    functions: dict[str, Any]
    values: list[Any] = field(default_factory=list)
    loads: list[Any] = field(default_factory=list)
    bodies: list[tuple[Any, int]] = field(default_factory=list)

    def reach(self, value: Any) -> None:
        """Note that ``value`` becomes narrow, and follow its uses."""
        if value in self.values:
            return
        if str(mlir.MemRefType(value.type).element_type) != "f32":
            raise UserError(
                f"narrow-storage: expected a memref of f32, found {value.type}",
                span=span_of(value.location),
            )
        self.values.append(value)
        for use in list(value.uses):
            self._follow(use.owner.operation, use.operand_number)

    def _follow(self, op: Any, number: int) -> None:
        if op.name in _VIEWS:
            self.reach(op.results[0])
        elif op.name == "func.call":
            callee = self.functions[op.attributes["callee"].value]
            self.reach(callee.regions[0].blocks[0].arguments[number])
        elif op.name == "func.return":
            function = op.parent
            for call in self._calls(function.attributes["sym_name"].value):
                self.reach(call.results[number])
        elif op.name == "memref.load":
            self.loads.append(op)
        elif op.name == "linalg.generic" and number < op.attributes["operandSegmentSizes"][0]:
            self.bodies.append((op, number))
        elif op.name != "memref.dim":
            raise UserError(
                f"narrow-storage: expected loads, views and inputs of linalg.generic only, "
                f"found '{op.name}' on a weight",
                span=span_of(op.location),
                hint="write to a buffer that is not marked as a weight",
            )

    def _calls(self, name: str) -> list[Any]:
        return [
            call
            for function in self.functions.values()
            for call in operations(function, "func.call")
            if call.attributes["callee"].value == name
        ]

    def finish(self) -> None:
        """Retype everything that was reached."""
        for value in self.values:
            value.set_type(_retyped(value.type, self.narrow))
        for function in self.functions.values():
            self._update_signature(function)
        self._check_calls()
        for load in self.loads:
            wide = load.results[0].type
            load.results[0].set_type(self.narrow)
            with mlir.InsertionPoint(_after(load)), load.location:
                _widen(load.results[0], wide)
        for op, number in self.bodies:
            block = op.regions[0].blocks[0]
            argument = block.arguments[number]
            wide = argument.type
            if str(wide) != "f32":
                continue
            argument.set_type(self.narrow)
            with mlir.InsertionPoint.at_block_begin(block), op.location:
                _widen(argument, wide)

    def _update_signature(self, function: Any) -> None:
        if not len(function.regions[0].blocks):
            return
        blocks = list(function.regions[0].blocks)
        inputs = [a.type for a in blocks[0].arguments]
        returned = [b.operations[len(b.operations) - 1].operation for b in blocks]
        results = next(
            ([v.type for v in op.operands] for op in returned if op.name == "func.return"), []
        )
        function.attributes["function_type"] = mlir.TypeAttr.get(
            mlir.FunctionType.get(inputs, results)
        )

    def _check_calls(self) -> None:
        for name, function in self.functions.items():
            expected = function.attributes["function_type"].value.inputs
            for call in self._calls(name):
                for number, operand in enumerate(call.operands):
                    if operand.type != expected[number]:
                        raise UserError(
                            f"narrow-storage: '{name}' gets a weight as argument {number} at one "
                            f"call and {operand.type} at this one",
                            span=span_of(call.location),
                            hint="use one function for weights and another for activations",
                        )


def _retyped(type_: Any, element: Any) -> Any:
    type_ = mlir.MemRefType(type_)
    return mlir.MemRefType.get(type_.shape, element, type_.layout, type_.memory_space)


def _after(op: Any) -> Any:
    siblings = list(op.block.operations)
    position = next(n for n, other in enumerate(siblings) if other.operation == op)
    return siblings[position + 1]


def _widen(value: Any, wide: Any) -> None:
    uses = [(use.owner.operation, use.operand_number) for use in value.uses]
    widened = dialect("arith").extf(wide, value)
    for owner, number in uses:
        owner.operands[number] = widened
