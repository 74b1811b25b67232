"""Store f32 arguments as 8-bit integers with a scale for each row, and widen where they are loaded.

    func @f(%w: memref<?x?xf32>, ...)
      %v = memref.load %w[%i, %j]
    ==>
    func @f(%w: memref<?x?xi8>, ..., %scales: memref<?xf32>)
      %n = memref.load %w[%i, %j] : memref<?x?xi8>
      %s = memref.load %scales[%i]
      %v = arith.mulf (arith.sitofp %n), %s

A row is what the last dimension walks. Arguments are followed through views that keep that
dimension; they may be read by ``memref.load`` and as inputs of ``linalg.generic``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.core.errors import UserError
from pharos.ir import span_of
from pharos.ir.bindings import dialect, mlir


def store_scaled(module: Any, function: str, arguments: Sequence[int]) -> None:
    """Retype ``arguments`` of ``function`` from f32 to i8; a memref of f32 with their scales, one
    dimension less, is appended to the function's arguments for each, in the same order.

    Raises UserError at an argument that is no memref of f32 with two dimensions or more, and at
    the first operation that uses one in a way that has no such form.
    """
    found = next(
        op.operation
        for op in module.body.operations
        if op.operation.attributes["sym_name"].value == function
    )
    with module.context, mlir.Location.unknown():
        block = found.regions[0].blocks[0]
        weights = [block.arguments[number] for number in arguments]
        for weight in weights:
            _check(weight)
        types = [mlir.MemRefType.get(list(w.type.shape)[:-1], w.type.element_type) for w in weights]
        scales = [block.add_argument(type_, found.location) for type_ in types]
        for weight, scale in zip(weights, scales, strict=True):
            _Stored(weight, scale).rewrite()
        kind = found.attributes["function_type"].value
        made = mlir.FunctionType.get([a.type for a in block.arguments], kind.results)
        found.attributes["function_type"] = mlir.TypeAttr.get(made)


def _check(weight: Any) -> None:
    type_ = weight.type
    plain = isinstance(type_, mlir.MemRefType) and str(type_.element_type) == "f32"
    if not plain or len(type_.shape) < 2:
        raise UserError(
            f"expected a memref of f32 with two dimensions or more to store as i8, found {type_}",
            span=span_of(weight.location),
        )


@dataclass(frozen=True)
class _Stored:
    """``weight``, an f32 memref that becomes i8, and ``scale``, with the number of each row."""

    weight: Any
    scale: Any

    def rewrite(self) -> None:
        """Retype the weight and everything that reads it."""
        uses = [(use.owner.operation, use.operand_number) for use in self.weight.uses]
        self.weight.set_type(_as_bytes(self.weight.type))
        for user, number in uses:
            with mlir.InsertionPoint(user), user.location:
                self._use(user, number)

    def _use(self, user: Any, number: int) -> None:
        if user.name == "memref.dim":
            return
        if user.name == "memref.load":
            self._load(user)
        elif user.name == "linalg.generic" and number < user.attributes["operandSegmentSizes"][0]:
            self._generic(user, number)
        elif user.name == "memref.cast":
            strided = mlir.StridedLayoutAttr.get_fully_dynamic(len(self.scale.type.shape))
            shape = list(mlir.MemRefType(user.results[0].type).shape)[:-1]
            wide = mlir.MemRefType.get(shape, self.scale.type.element_type, strided)
            _Stored(user.results[0], dialect("memref").cast(wide, self.scale)).rewrite()
        elif user.name == "memref.subview":
            _Stored(user.results[0], self._rows(user)).rewrite()
        else:
            raise UserError(
                f"expected loads, views of rows and inputs of linalg.generic only, found "
                f"'{user.name}' on a weight that is stored as i8",
                span=span_of(user.location),
            )

    def _load(self, user: Any) -> None:
        arith = dialect("arith")
        value, wide = user.results[0], user.results[0].type
        scale = dialect("memref").load(self.scale, list(user.operands)[1:-1])
        value.set_type(mlir.IntegerType.get_signless(8))
        users = [(use.owner.operation, use.operand_number) for use in value.uses]
        with mlir.InsertionPoint(_next(user)):
            widened = arith.mulf(arith.sitofp(wide, value), scale)
        for owner, number in users:
            owner.operands[number] = widened

    def _rows(self, view: Any) -> Any:
        """The scales of the rows that ``view``, a subview of the weight, has."""
        rank = len(self.scale.type.shape)
        offsets, sizes, strides = (
            list(view.attributes[f"static_{name}"])[:rank]
            for name in ("offsets", "sizes", "strides")
        )
        counts = list(view.attributes["operandSegmentSizes"])
        groups, at = [], 1
        for listed, count in zip((offsets, sizes, strides), counts[1:], strict=True):
            here = sum(_open(number) for number in listed)
            groups.append(list(view.operands)[at : at + here])
            at += count
        kept = len(mlir.MemRefType(view.results[0].type).shape) - 1
        type_ = _view_type(self.scale.type, offsets, sizes, strides, kept)
        attributes = {
            "static_offsets": mlir.DenseI64ArrayAttr.get(offsets),
            "static_sizes": mlir.DenseI64ArrayAttr.get(sizes),
            "static_strides": mlir.DenseI64ArrayAttr.get(strides),
            "operandSegmentSizes": mlir.DenseI32ArrayAttr.get([1, *map(len, groups)]),
        }
        operands = [self.scale, *(value for group in groups for value in group)]
        made = mlir.Operation.create(
            "memref.subview", results=[type_], operands=operands, attributes=attributes
        )
        return made.results[0]

    def _generic(self, user: Any, number: int) -> None:
        """Give the operation the scales as one more input, after the others."""
        inputs, outputs = user.attributes["operandSegmentSizes"]
        maps = list(user.attributes["indexing_maps"])
        own = maps[number].value
        rows = mlir.AffineMap.get(own.n_dims, own.n_symbols, list(own.results)[:-1])
        maps.insert(inputs, mlir.AffineMapAttr.get(rows))
        operands = list(user.operands)
        operands.insert(inputs, self.scale)
        attributes = {name: user.attributes[name] for name in user.attributes}
        attributes["indexing_maps"] = mlir.ArrayAttr.get(maps)
        attributes["operandSegmentSizes"] = mlir.DenseI32ArrayAttr.get([inputs + 1, outputs])
        made = mlir.Operation.create(
            user.name, results=[], operands=operands, attributes=attributes, regions=1
        )
        block = user.regions[0].blocks[0]
        block.append_to(made.regions[0])
        _scale_body(block, number, inputs, user.location)
        user.erase()


def _scale_body(block: Any, number: int, inputs: int, location: Any) -> None:
    """Make argument ``number`` of ``block`` an i8, and argument ``inputs`` its scale, a new one."""
    arith = dialect("arith")
    element, wide = block.arguments[number], block.arguments[number].type
    scale = block.add_argument(wide, location)
    # New arguments come last: those of the outputs are moved behind the scale.
    for _ in range(len(block.arguments) - 1 - inputs):
        old = block.arguments[inputs]
        old.replace_all_uses_with(block.add_argument(old.type, location))
        block.erase_argument(inputs)
    uses = [(use.owner.operation, use.operand_number) for use in element.uses]
    element.set_type(mlir.IntegerType.get_signless(8))
    with mlir.InsertionPoint.at_block_begin(block), location:
        widened = arith.mulf(arith.sitofp(wide, element), scale)
    for owner, operand in uses:
        owner.operands[operand] = widened


def _as_bytes(type_: Any) -> Any:
    type_ = mlir.MemRefType(type_)
    small = mlir.IntegerType.get_signless(8)
    return mlir.MemRefType.get(type_.shape, small, type_.layout, type_.memory_space)


def _open(number: int) -> bool:
    return bool(number == mlir.ShapedType.get_dynamic_size())


def _view_type(
    source: Any, offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int], kept: int
) -> Any:
    """The type of a subview of ``source`` with ``kept`` dimensions; others of size 1 are gone."""
    dynamic = mlir.ShapedType.get_dynamic_size()
    steps, start = source.get_strides_and_offset()
    moves = [(step, offset) for step, offset in zip(steps, offsets, strict=True) if offset]
    known = not any(_open(number) for move in [(start,), *moves] for number in move)
    offset = start + sum(step * by for step, by in moves) if known else dynamic
    moved = [
        dynamic if _open(step) or _open(stride) else step * stride
        for step, stride in zip(steps, strides, strict=True)
    ]
    dims = list(range(len(sizes)))
    while len(dims) > kept:
        dims.remove(next(dim for dim in dims if sizes[dim] == 1))
    layout = mlir.StridedLayoutAttr.get(offset, [moved[dim] for dim in dims])
    return mlir.MemRefType.get([sizes[dim] for dim in dims], source.element_type, layout)


def _next(operation: Any) -> Any:
    siblings = [op.operation for op in operation.operation.block.operations]
    return siblings[siblings.index(operation.operation) + 1]
