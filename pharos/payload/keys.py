"""Keys of motifs: what an operation computes and from what, never where it stands.

The hash covers the operation itself (types, attributes, body) and everything that its inputs are
computed from. Operations that agree in all of this are told apart by their order among themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from pharos.ir import MOTIF, PARAMETERS
from pharos.ir.bindings import mlir
from pharos.payload.graph import Graph, Node, Read

_IGNORED = (PARAMETERS, MOTIF, "operandSegmentSizes")


class Keys:
    """The keys of the nodes of one function."""

    def __init__(self, graph: Graph) -> None:
        self._arguments = {value: n for n, value in enumerate(graph.arguments)}
        self._hashes: dict[Node, str] = {}
        self._given: dict[str, int] = {}
        self._texts = _Texts()

    def key(self, kind: str, node: Node) -> str:
        """The key of a motif of ``kind`` at ``node``, different from all given before."""
        stem = f"{kind}-{self.hash(node)[:8]}"
        count = self._given[stem] = self._given.get(stem, 0) + 1
        return stem if count == 1 else f"{stem}.{count}"

    def hash(self, node: Node) -> str:
        """The hash of ``node`` with everything it is computed from."""
        pending = [node]
        while pending:
            one = pending[-1]
            sources = [read.node for read in one.reads if read.node is not None]
            missing = [s for s in sources if s not in self._hashes]
            if missing:
                pending.extend(missing)
                continue
            self._hashes[one] = self._made(one)
            pending.pop()
        return self._hashes[node]

    def _made(self, node: Node) -> str:
        digest = hashlib.sha256(" ".join(self._texts.operation(node.operation, {})).encode())
        for read in node.reads:
            digest.update(
                f"{self._source(read)} {read.output} {self._texts.of(read.value.type)}".encode()
            )
        return digest.hexdigest()

    def _source(self, read: Read) -> str:
        if read.node is not None:
            return self._hashes[read.node]
        return f"argument {self._arguments.get(read.value, '?')}"


class _Texts:
    """Types and attributes as text; a module has few different ones, and printing takes time."""

    def __init__(self) -> None:
        self._known: dict[Any, str] = {}

    def of(self, thing: Any) -> str:
        """The type or attribute; of a constant that is kept outside the text only its type."""
        if thing not in self._known:
            if isinstance(thing, mlir.DenseResourceElementsAttr):
                self._known[thing] = str(mlir.DenseResourceElementsAttr(thing).type)
            else:
                self._known[thing] = str(thing)
        return self._known[thing]

    def operation(self, operation: Any, names: dict[Any, int]) -> Iterator[str]:
        """All that ``operation`` is, values by the order in which they occur in it.

        Read piece by piece: MLIR numbers a whole function to print one operation of it.
        """
        yield operation.name
        for value in operation.operands:
            yield f"{names.setdefault(value, len(names))}"
        attributes = operation.attributes
        for name in attributes:
            if name not in _IGNORED:
                yield f"{name}={self.of(attributes[name])}"
        for value in operation.results:
            names.setdefault(value, len(names))
            yield self.of(value.type)
        for region in operation.regions:
            for block in region.blocks:
                for argument in block.arguments:
                    names.setdefault(argument, len(names))
                for inner in block.operations:
                    yield from self.operation(inner.operation, names)
