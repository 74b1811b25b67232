"""Kernel functions: one for each nest, and one for nests that are the same but for their names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.memory import memory
from pharos.targets.common.nests.nest import Nest
from pharos.targets.cpu.kernels import call, code_of, row, write_function
from pharos.targets.cpu.vector_loops import copies
from pharos.targets.cpu.vector_loops.choice import Choice
from pharos.targets.cpu.vector_loops.kernel import Kernel


@dataclass(frozen=True)
class Call:
    """A private function over a range of iterations, ``(low, high, *arguments)``."""

    name: str
    arguments: tuple[Any, ...]


@dataclass
class Functions:
    """Writes kernel functions into ``module``."""

    module: Any
    prefetch: int
    _made: dict[str, str] = field(default_factory=dict)
    _kernels: dict[Any, str] = field(default_factory=dict)
    _copies: set[str] = field(default_factory=set)
    _count: int = 0

    def kernel(self, nest: Nest, choice: Choice, local: frozenset[int] = frozenset()) -> Call:
        """The loops of ``nest`` as a function over a range of the split loop.

        Operands in ``local`` hold no more than that range.
        """
        operands = list(nest.operation.operands)
        outside = [*_captured(nest), *nest.start.values()]
        captured = list(dict.fromkeys(v for v in outside if not constant(v)))
        constants = list(dict.fromkeys(v for v in outside if constant(v)))
        key = (*_key(nest, choice, outside, captured), local)
        if key in self._kernels:
            return Call(self._kernels[key], (*operands, *captured))

        def write(low: Any, high: Any, values: list[Any]) -> None:
            buffers = values[: len(operands)]
            Kernel(nest, choice, buffers, low, high, self.prefetch, local).write()

        arguments = [*operands, *captured]
        made = self._function(nest.operation, arguments, write, captured, constants)
        self._kernels[key] = made.name
        return made

    def copy(self, element: Any, bits: int) -> str:
        """The name of the function that copies rows of ``element``, see ``copies``."""
        name = f"pharos_copy_rows_{element}"
        if name not in self._copies:
            types = copies.types_of(element)
            write_function(
                self.module, name, types, lambda values: copies.write_copy(element, bits, values)
            )
            self._copies.add(name)
        return name

    def rows(self, calls: list[Call], block: int, operation: Any, local: dict[Any, int]) -> Call:
        """A function that makes each of ``calls`` for a block of rows at a time.

        Arguments whose memory is in ``local`` hold one block at a time, of that many elements a
        row.
        """
        every = dict.fromkeys(a for one in calls for a in one.arguments)
        inner = {a: found for a in every if (found := memory_in(local, a)) is not None}
        arguments = [a for a in every if a not in inner]

        def write(low: Any, high: Any, values: list[Any]) -> None:
            inside = dict(zip(arguments, values, strict=True))
            blocks = {own: _block(own, block * local[own]) for own in inner.values()}
            inside.update({a: row(blocks[own]) for a, own in inner.items()})

            def body(i: Any, _: list[Any]) -> list[Any]:
                end = index.minimum(index.add(i, index.constant(block)), high)
                for one in calls:
                    call(one.name, [i, end, *(inside[a] for a in one.arguments)])
                return []

            index.loop(low, high, block, [], body)
            for one in blocks.values():
                dialect("memref").DeallocOp(one)

        return self._function(operation, arguments, write, [], [])

    def sharing(self, one: Call, arguments: list[Any], write: Any) -> str:
        """The name of a function whose body, around calls of ``one``, ``write(arguments)`` writes.

        Elsewhere, what it takes to hand ``one`` to threads would be written for every call.
        """
        name = f"{one.name.replace('_kernel', '_shared')}_{len(self._made)}"
        types = [value.type for value in arguments]
        function = write_function(self.module, name, types, write, inline=True)
        return self._same(function, name)

    def _function(
        self, place: Any, arguments: list[Any], write: Any, captured: list[Any], moved: list[Any]
    ) -> Call:
        name = f"{_owner(place)}_kernel{self._count}"
        copies: list[Any] = []

        def build(parameters: list[Any]) -> None:
            low, high, *values = parameters
            copies.extend(value.owner.clone().results[0] for value in moved)
            write(low, high, values)

        types = [mlir.IndexType.get()] * 2 + [v.type for v in arguments]
        with place.location:
            function = write_function(self.module, name, types, build)
        block = function.body.blocks[0]
        values = list(block.arguments)
        inner = values[len(values) - len(captured) :] if captured else []
        replaced = dict(zip([*captured, *moved], [*inner, *copies], strict=True))
        if replaced:
            _replace_inside(block, replaced)
        return Call(self._same(function, name), tuple(arguments))

    def _same(self, function: Any, name: str) -> str:
        """The name of a function with the same code; ``function`` goes when there is one."""
        text = code_of(function)
        known = self._made.setdefault(text, name)
        if known != name:
            function.operation.erase()
        else:
            self._count += 1
        return known


def memory_in(local: Collection[Any], value: Any) -> Any | None:
    """That of ``local`` which the array ``value`` is a view of."""
    own = memory(value) if isinstance(value.type, mlir.MemRefType) else None
    return own if own is not None and own in local else None


def _block(array: Any, count: int) -> Any:
    """Memory for ``count`` elements of ``array``."""
    type_ = mlir.MemRefType.get([count], mlir.MemRefType(array.type).element_type)
    alignment = array.owner.attributes.get("alignment")
    return dialect("memref").AllocOp(type_, [], [], alignment=alignment).result


def constant(value: Any) -> bool:
    """Whether ``value`` is a number known now."""
    owner = value.owner
    return not isinstance(owner, mlir.Block) and owner.name == "arith.constant"


def _key(nest: Nest, choice: Choice, outside: list[Any], captured: list[Any]) -> Any:
    """Equal for nests whose kernels are the same code: they need not be written to know it."""
    operation = nest.operation
    kinds = [str(v.type) for v in (*operation.operands, *captured)]
    maps = [str(a.map) for a in nest.accesses]
    # Values from outside are the same numbers, or in the same places of ``captured``.
    values = [
        str(v.owner.attributes["value"]) if constant(v) else captured.index(v) for v in outside
    ]
    return (
        *(tuple(part) for part in (kinds, maps, nest.parallel, nest.start, values)),
        repr(choice),
        _text(nest.body),
    )


def _text(body: Any) -> Any:
    """The operations of ``body``, values from outside by their types only."""
    names = {value: f"a{n}" for n, value in enumerate(body.arguments)}
    lines = []
    for op in body.operations:
        operation = op.operation
        if len(operation.regions):
            return object()  # equal to no other
        read = [names.get(v, str(v.type)) for v in operation.operands]
        attributes = [f"{name}={operation.attributes[name]}" for name in operation.attributes]
        lines.append(f"{operation.name} {read} {attributes} {[str(r.type) for r in op.results]}")
        for result in operation.results:
            names[result] = f"v{len(names)}"
    return "\n".join(lines)


def _captured(nest: Nest) -> list[Any]:
    """Values that the body uses from outside."""
    inside = set(nest.body.arguments)
    captured: list[Any] = []
    for op in nest.body.operations:
        captured += [value for value in op.operation.operands if value not in inside]
        inside.update(op.operation.results)
    return captured


def _replace_inside(block: Any, values: dict[Any, Any]) -> None:
    """Make every operation below ``block`` use what ``values`` has for its operands."""
    for outer in block.operations:
        for op in operations(outer):
            for number, operand in enumerate(op.operands):
                if operand in values:
                    op.operands[number] = values[operand]


def _owner(operation: Any) -> str:
    parent = operation.parent
    while parent is not None and parent.name != "func.func":
        parent = parent.parent
    return parent.attributes["sym_name"].value if parent is not None else "kernel"
