"""Which array arguments a function may write to, and which it wants to itself.

The answer errs towards "written": an operation that is not known to only read counts as a
write. Reading from a read-only file mapping, like a checkpoint's weights, relies on this.
"""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import mlir

# Operations whose result is another name for the memory of operand 0.
_VIEWS = frozenset(
    {
        "memref.cast",
        "memref.subview",
        "memref.collapse_shape",
        "memref.expand_shape",
        "memref.reinterpret_cast",
        "memref.reshape",
        "memref.transpose",
        "memref.view",
        "memref.memory_space_cast",
        "memref.assume_alignment",
    }
)
# Operations that only read the memory of the operands with these numbers (None: all).
_READS: dict[str, frozenset[int] | None] = {
    "memref.load": None,
    "memref.dim": None,
    "memref.rank": None,
    "memref.prefetch": None,
    "memref.copy": frozenset({0}),
    "memref.extract_aligned_pointer_as_index": frozenset(),
    "affine.load": None,
    "affine.vector_load": None,
    "vector.load": None,
    "vector.maskedload": frozenset({0}),
    "vector.gather": frozenset({0}),
    "vector.transfer_read": frozenset({0}),
}


class Effects:
    """Answers about the functions of one module, found together.

    Functions call each other, so the answers are the least ones that agree: every argument
    starts as not written, and passes over all functions go on until nothing changes.
    """

    def __init__(self, module: Any) -> None:
        self._functions = {
            op.attributes["sym_name"].value: op
            for op in module.body.operations
            if op.operation.name == "func.func"
        }
        self._written = {n: [False] * len(f.type.inputs) for n, f in self._functions.items()}
        self._unique: dict[str, set[int]] = {name: set() for name in self._functions}
        while self._pass():
            pass

    def written(self, function: Any) -> list[bool]:
        """For each argument, whether the function may store to memory it points to."""
        return self._written[function.attributes["sym_name"].value]

    def unique(self, function: Any) -> set[int]:
        """Arguments that the source calls ``llvm.noalias``, or the body ``restrict``: no other
        name for their memory exists."""
        return self._unique[function.attributes["sym_name"].value]

    def _pass(self) -> bool:
        before = (dict(self._written), dict(self._unique))
        for name, function in self._functions.items():
            count = len(function.type.inputs)
            self._written[name] = [self._argument_written(function, i) for i in range(count)]
            if has_body(function):
                arguments = function.operation.regions[0].blocks[0].arguments
                memrefs = [a for a in arguments if is_memref(a.type)]
                self._unique[name] = {
                    a.arg_number
                    for a in memrefs
                    if _says(function, a.arg_number, "llvm.noalias") or self._restricted(a)
                }
        return before != (self._written, self._unique)

    def _argument_written(self, function: Any, index: int) -> bool:
        if _says(function, index, "llvm.readonly"):
            return False
        if not has_body(function):
            return True
        argument = function.operation.regions[0].blocks[0].arguments[index]
        return is_memref(argument.type) and self._value_written(argument)

    def _value_written(self, value: Any) -> bool:
        return any(self._use_writes(use) for use in value.uses)

    def _use_writes(self, use: Any) -> bool:
        operation, number = use.owner.operation, use.operand_number
        name = operation.name
        if name in _VIEWS:
            return number == 0 and self._value_written(operation.results[0])
        if name in _READS:
            reads = _READS[name]
            return reads is not None and number not in reads
        if name == "bufferization.to_tensor":
            return "writable" in operation.attributes
        if name.startswith("linalg."):
            return _is_linalg_output(operation, number)
        if name == "func.call":
            return self._call_writes(operation, number)
        if name == "func.return":
            # What happens to a returned view is judged at the calls; of a public function
            # nobody here sees them all.
            return not _is_private(operation.parent)
        return True

    def _call_writes(self, operation: Any, number: int) -> bool:
        callee = self._functions.get(operation.attributes["callee"].value)
        if callee is None or self.written(callee)[number]:
            return True
        return any(
            self._value_written(result) for result in operation.results if is_memref(result.type)
        )

    def _restricted(self, value: Any) -> bool:
        for use in value.uses:
            operation = use.owner.operation
            if operation.name.startswith("bufferization.") and "restrict" in operation.attributes:
                return True
            if operation.name in _VIEWS and self._restricted(operation.results[0]):
                return True
            if operation.name == "func.call":
                callee = self._functions.get(operation.attributes["callee"].value)
                if callee is not None and use.operand_number in self.unique(callee):
                    return True
        return False


def has_body(function: Any) -> bool:
    """Whether ``function`` is more than a declaration."""
    return len(function.operation.regions[0].blocks) > 0


def is_memref(kind: Any) -> bool:
    """Whether values of this type name memory."""
    return isinstance(kind, mlir.MemRefType | mlir.UnrankedMemRefType)


def _is_private(function: Any) -> bool:
    attributes = function.attributes
    return "sym_visibility" in attributes and attributes["sym_visibility"].value == "private"


def _says(function: Any, index: int, promise: str) -> bool:
    """Whether the source itself promises that of the argument: that it is only read, that no
    other one shares its memory."""
    attributes = function.attributes.get("arg_attrs")
    return attributes is not None and promise in attributes[index]


def _is_linalg_output(operation: Any, number: int) -> bool:
    segments = operation.attributes.get("operandSegmentSizes")
    if segments is None:
        return True
    inputs: int = segments[0]
    return number >= inputs


def is_dense(kind: Any) -> bool:
    """Whether memrefs of this type are row-major without gaps."""
    with kind.context:
        return bool(kind.affine_map == mlir.AffineMap.get_identity(kind.rank))
