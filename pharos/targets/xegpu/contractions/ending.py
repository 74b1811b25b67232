"""How sums begin and end: what they are added to, the operation that follows, the stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.result import Finish, Start
from pharos.targets.xegpu import ops
from pharos.targets.xegpu.contractions.matrices import Matrix, Product, matrix_of
from pharos.targets.xegpu.contractions.place import Place


@dataclass(frozen=True)
class Ending:
    """``start`` with its matrix, ``finish`` with those of its operands and results."""

    start: Start
    begin: Matrix | None
    finish: Finish | None
    operands: tuple[Matrix, ...] = ()
    results: tuple[Matrix, ...] = ()

    def matrices(self, result: Matrix) -> list[Matrix]:
        """What is read and written beside the factors, ``result`` being that of the product."""
        begin = [self.begin] if self.begin is not None else []
        written = self.results if self.finish is not None else (result,)
        return [*self.operands, *written, *begin]


def read_ending(product: Product, start: Start, finish: Finish | None) -> Ending | None:
    """None when the start cannot be read tile by tile. A finish that cannot is left out: it stays
    an operation of its own."""
    begin = matrix_of(product, start.operand) if start.operand is not None else None
    if start.operand is not None and begin is None:
        return None
    plain = Ending(start, begin, None)
    if finish is None or not all(_float(value) for value in _values(finish)):
        return plain
    operands = [matrix_of(product, operand) for operand in finish.operands]
    results = [matrix_of(product, operand) for operand in finish.results]
    if None in operands or None in results:
        return plain
    # What all rows or columns share has no place of its own for each element.
    written = [r for r in results if r is not None and r.row_step and r.column_step]
    if len(written) < len(results):
        return plain
    read = tuple(o for o in operands if o is not None)
    return Ending(start, begin, finish, read, tuple(written))


def first_sums(place: Place, ending: Ending) -> Any:
    """What the products are added to: a vector of ``wg_m`` x ``wg_n`` x f32."""
    wide = place.vector(mlir.F32Type.get())
    if ending.begin is not None:
        begin = ops.convert_layout(place.load(ending.begin), place.layout, place.sums)
        return _converted(begin, wide)
    if ending.start.scalar is None:
        zero = mlir.DenseElementsAttr.get_splat(wide, mlir.FloatAttr.get_f32(0.0))
        return dialect("arith").ConstantOp(wide, zero).result
    scalar = _converted(place.value(ending.start.scalar), mlir.F32Type.get())
    return dialect("vector").broadcast(wide, scalar)


def store_sums(place: Place, ending: Ending, sums: Any) -> None:
    """Write ``sums``, rounded to the type of the result, or what the finish makes of them."""
    result = place.product.c
    sums = ops.convert_layout(sums, place.sums, place.layout)
    rounded = _converted(sums, place.vector(mlir.Type.parse(result.dtype)))
    if ending.finish is None:
        place.store(rounded, result)
        return
    finish = ending.finish
    values: dict[Any, Any] = dict.fromkeys(finish.elements, rounded)
    for argument, matrix in zip(finish.arguments, ending.operands, strict=True):
        values[argument] = place.load(matrix)
    body = finish.operation.regions[0].blocks[0]
    for operation in list(body.operations)[:-1]:
        rebuilt = _rebuild(operation.operation, values, place)
        values.update(zip(operation.operation.results, rebuilt, strict=True))
    for value, matrix in zip(finish.values, ending.results, strict=True):
        found = values[value] if value in values else place.value(value)
        place.store(_spread(found, place), matrix)


def _rebuild(operation: Any, values: dict[Any, Any], place: Place) -> list[Any]:
    """The results of ``operation`` on tiles; constants become tiles of one value."""
    operands = [values[v] if v in values else place.value(v) for v in operation.operands]
    types = [place.vector(r.type) for r in operation.results]
    attributes = {name: operation.attributes[name] for name in operation.attributes}
    if operation.name == "arith.constant":
        return [place.value(operation.results[0])]
    made = mlir.Operation.create(
        operation.name,
        results=types,
        operands=[_spread(v, place) for v in operands],
        attributes=attributes,
    )
    return list(made.results)


def _spread(value: Any, place: Place) -> Any:
    """``value`` as a tile."""
    if isinstance(value.type, mlir.VectorType):
        return value
    kind = place.vector(value.type)
    owner = value.owner
    if not isinstance(owner, mlir.Block) and owner.name == "arith.constant":
        splat = mlir.DenseElementsAttr.get_splat(kind, owner.attributes["value"])
        return dialect("arith").ConstantOp(kind, splat).result
    return dialect("vector").broadcast(kind, value)


def _converted(value: Any, kind: Any) -> Any:
    """A float or tile of floats as ``kind``, widened or rounded."""
    if value.type == kind:
        return value
    arith = dialect("arith")
    bits = [getattr(t, "element_type", t).width for t in (value.type, kind)]
    if bits[0] > bits[1]:
        return arith.truncf(kind, value)
    return arith.extf(kind, value)


def _values(finish: Finish) -> list[Any]:
    body = finish.operation.regions[0].blocks[0]
    return [*finish.elements, *finish.arguments, *body.arguments]


def _float(value: Any) -> bool:
    return str(value.type) in ("f16", "bf16", "f32")
