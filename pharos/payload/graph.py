"""The dataflow of one function: which operation computed what each operation reads.

On tensors this is SSA. On memrefs it is the last operation before that wrote the whole buffer, as
long as nothing unclear came between: a write through a part of the buffer, a loop, a call.
Two arguments are taken for two buffers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pharos.ir import operations
from pharos.ir.bindings import mlir
from pharos.payload.maps import Access
from pharos.payload.structured import Structured, read_structured

# Views of a whole buffer: the same elements under another shape.
_WHOLE_VIEWS = ("memref.cast", "memref.expand_shape", "memref.collapse_shape", "memref.transpose")
_PART_VIEWS = ("memref.subview", "memref.reinterpret_cast", "memref.view")
# Operations that neither write buffers nor let them escape.
_HARMLESS = (
    "memref.alloc",
    "memref.alloca",
    "memref.dealloc",
    "memref.load",
    "memref.dim",
    "memref.get_global",
    "func.return",
    "bufferization.to_tensor",
    "bufferization.to_buffer",
)


class Read(NamedTuple):
    """What an operand holds: the node and the number of its output that computed it.

    ``node`` is None for arguments and for what is not known; ``value`` is the operand. ``same``
    tells that it has the shape it was computed in: a buffer may be read through another view.
    """

    node: Node | None
    output: int
    value: Any
    same: bool = True


@dataclass(eq=False)
class Node:
    """One operation. ``users`` are (node, operand number) of those that read its outputs."""

    operation: Any
    number: int
    name: str
    structured: Structured | None = None
    reads: list[Read] = field(default_factory=list)
    users: list[tuple[Node, int]] = field(default_factory=list)
    outputs: tuple[Any, ...] = ()
    """The values that hold what it computed: results, or the buffers it writes."""

    @property
    def inputs(self) -> tuple[Read, ...]:
        """What a structured operation reads, without the initial values of its outputs."""
        return tuple(self.reads[: self.structured.inputs] if self.structured else self.reads)

    @property
    def inits(self) -> tuple[Read, ...]:
        """The initial values of a structured operation's outputs."""
        return tuple(self.reads[self.structured.inputs :] if self.structured else ())


@dataclass
class Graph:
    """The nodes of one function in program order."""

    nodes: list[Node]
    arguments: tuple[Any, ...]


def graph_of(function: Any) -> Graph:
    """The dataflow of a ``func.func`` that has a body."""
    builder = _Builder()
    block = function.regions[0].blocks[0]
    builder.block(block)
    return Graph(builder.nodes, tuple(block.arguments))


class _Builder:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.maps: dict[Any, Access] = {}
        self.of_value: dict[Any, tuple[Node, int]] = {}
        # By root buffer: what it holds now, and the value under which that was written.
        self.written: dict[Any, tuple[Node, int, Any]] = {}
        self.root: dict[Any, tuple[Any, bool]] = {}

    def block(self, block: Any) -> None:
        for operation in block.operations:
            self.operation(operation.operation)

    def operation(self, operation: Any) -> None:
        node = Node(operation, len(self.nodes), operation.name)
        self.nodes.append(node)
        node.structured = read_structured(operation, self.maps)
        for number, value in enumerate(operation.operands):
            read = self.read(value)
            node.reads.append(read)
            if read.node is not None:
                read.node.users.append((node, number))
        results = list(operation.results)
        for number, value in enumerate(results):
            self.of_value[value] = (node, number)
        node.outputs = tuple(results)
        if results and isinstance(results[0].type, mlir.MemRefType):
            self.view(node)
        if node.structured is None and _has_code(operation):
            self.nested(operation)
        elif not results:
            self.write(node)

    def read(self, value: Any) -> Read:
        if isinstance(value.type, mlir.MemRefType):
            root, whole = self.root_of(value)
            held = self.written.get(root)
            if held is None or not whole:
                return Read(None, 0, value)
            return Read(held[0], held[1], value, held[2] == value)
        node, output = self.of_value.get(value, (None, 0))
        return Read(node, output, value)

    def root_of(self, value: Any) -> tuple[Any, bool]:
        """The buffer that ``value`` lies in, and whether ``value`` is all of it."""
        return self.root.get(value, (value, True))

    def view(self, node: Node) -> None:
        if node.name in _WHOLE_VIEWS + _PART_VIEWS:
            root, whole = self.root_of(node.operation.operands[0])
            self.root[node.outputs[0]] = (root, whole and node.name in _WHOLE_VIEWS)

    def write(self, node: Node) -> None:
        """Note what a memref operation without results leaves in its buffers."""
        operands = list(node.operation.operands)
        if node.structured is not None:
            targets = operands[node.structured.inputs :]
        elif node.name in ("memref.copy", "linalg.softmax") or node.name.startswith("tm_tensor."):
            targets = operands[_inputs_of(node) :]
        elif node.name in _HARMLESS:
            return
        elif node.name == "memref.store":
            targets = operands[1:2]
        else:
            self.forget(operands)
            return
        node.outputs = tuple(targets)
        for number, value in enumerate(targets):
            root, whole = self.root_of(value)
            if whole and node.name != "memref.store":
                self.written[root] = (node, number, value)
            else:
                self.written.pop(root, None)

    def forget(self, values: list[Any]) -> None:
        for value in values:
            self.written.pop(self.root_of(value)[0], None)

    def nested(self, operation: Any) -> None:
        """The code inside a loop or a branch, which may run never, once or many times."""
        touched = _written_below(operation, self.root_of)
        for region in operation.regions:
            for block in region.blocks:
                self.forget(touched)
                self.block(block)
        self.forget(touched)


def _has_code(operation: Any) -> bool:
    """Whether the regions of ``operation`` hold operations of the function, not of one element."""
    name = operation.name
    if name.startswith(("linalg.", "tm_tensor.")) or name in ("tensor.pad", "tensor.generate"):
        return False
    return len(operation.regions) > 0


def _inputs_of(node: Node) -> int:
    if "operandSegmentSizes" in node.operation.attributes:
        return int(node.operation.attributes["operandSegmentSizes"][0])
    return 1


def _written_below(operation: Any, root_of: Any) -> list[Any]:
    """Every buffer that an operation inside ``operation`` takes, for it may write it."""
    used = (value for inner in operations(operation) for value in inner.operands)
    return [value for value in used if isinstance(value.type, mlir.MemRefType)]
